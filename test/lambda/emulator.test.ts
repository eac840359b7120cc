/** The packaged function as Lambda runs it, against a real S3 server: predictions, pushes while it runs, cold starts. */
import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { build } from 'esbuild';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { BaseManifest } from '../../functions/artifacts/manifests.ts';
import { variantName } from '../../functions/engine/variants.ts';

import { openStore } from '../../functions/store/open.ts';
import type { Store } from '../../functions/store/store.ts';
import { packageFunction } from '../../infra/package.ts';
import {
  findVersitygw,
  howToGetIt as howToGetS3,
  type S3Server,
  startVersitygw,
} from '../store/versitygw.ts';
import { type Emulator, emulatorFound, howToGetIt, startEmulator } from './emulator.ts';
import { functionUrlEvent } from './events.ts';
import { fillStore, pushRandom, questions } from './tenant.ts';

const versitygw = await findVersitygw();
const missing = emulatorFound ? (versitygw ? undefined : howToGetS3) : howToGetIt;
if (missing !== undefined) process.stderr.write(`skipped: ${missing}\n`);

const restarts = 20;
/** What services.ts believes an alias for. */
const aliasTtlMs = 5_000;

describe.skipIf(missing !== undefined)(
  'the packaged function in the Lambda emulator',
  { timeout: 300_000 },
  () => {
    let folder: string;
    let task: string;
    let server: S3Server;
    let store: Store;
    let base: BaseManifest;
    let key: string;
    const environment = { ...process.env };
    const start = async (cache: string, env: Record<string, string> = {}) => {
      const cacheDir = join(folder, cache);
      const settings = {
        VENEER_STORE: store.url,
        VENEER_BASE: 'tiny',
        VENEER_WORKERS: '0',
        VENEER_CACHE_DIR: cacheDir,
      };
      return startEmulator(task, 'lambda.handler', { ...server.env, ...settings, ...env });
    };

    beforeAll(async () => {
      folder = await mkdtemp(join(tmpdir(), 'veneer-emulator-'));
      const made = join(folder, 'made');
      await packageFunction({ root: process.cwd(), outdir: made, architecture: process.arch });
      // Through a zip, as it travels.
      const zip = join(folder, 'function.zip');
      execFileSync('python3', ['-m', 'zipfile', '-c', zip, ...['lambda.js', 'package.json', 'dist', 'bin']], {
        cwd: made,
      });
      task = join(folder, 'task');
      execFileSync('python3', ['-m', 'zipfile', '-e', zip, task]);
      await rm(made, { recursive: true });
      server = await startVersitygw(versitygw!);
      Object.assign(process.env, server.env);
      store = await openStore(`s3://${await server.bucket('veneer')}/artifacts`);
      ({ base, key } = await fillStore(store));
    }, 300_000);
    afterAll(async () => {
      await server?.stop();
      for (const name of Object.keys(process.env)) if (!(name in environment)) delete process.env[name];
      Object.assign(process.env, environment);
      await rm(folder, { recursive: true, force: true });
    });

    it('predicts for the three tasks, serves what is pushed while it runs, and sees a moved alias within its time', async () => {
      const emulator = await start('cache');
      try {
        for (const [path, body] of questions) {
          const { statusCode, body: answer } = await emulator.invoke(functionUrlEvent({ path, key, body }));
          expect([statusCode, JSON.parse(answer).outputs.length]).toEqual([200, 1]);
        }
        const ask = async (model: string) => {
          const body = { model, inputs: 'the parcel was late' };
          return emulator.invoke(functionUrlEvent({ path: '/v1/classification', key, body }));
        };
        const before = await ask('support');
        expect((await ask('pushed')).statusCode).toBe(404);
        await sleep(1_100); // a refusal is believed for a second
        const pushed = await pushRandom(store, base, { task: 'classification', name: 'pushed', seed: 7 });
        expect((await ask('pushed')).headers['x-adapter-digest']).toBe(pushed);

        const moved = await pushRandom(store, base, { task: 'classification', seed: 8 });
        await sleep(aliasTtlMs);
        const after = await ask('support');
        expect(after.headers['x-adapter-digest']).toBe(moved);
        expect(JSON.parse(after.body).outputs).not.toEqual(JSON.parse(before.body).outputs);
      } finally {
        await emulator.stop();
      }
    });

    it('refuses to start without right credentials for S3, and says so', async () => {
      const emulator = await start('other-cache', { AWS_SECRET_ACCESS_KEY: 'wrong' });
      try {
        const [path, body] = questions[0]!;
        const answer = await emulator.invoke(functionUrlEvent({ path, key, body }));
        expect(answer.statusCode).toBe(503);
        expect(emulator.log()).toContain('S3 refused these credentials');
        expect(emulator.log()).not.toContain(key);
      } finally {
        await emulator.stop();
      }
    });

    it('answers after each of many cold starts, whose times it prints beside those of Hono and onnxruntime-node alone', async () => {
      const bare = await bareFunction(folder, base, store);
      const times = { ours: [] as number[], bare: [] as number[], first: [] as number[] };
      const [path, body] = questions[0]!;
      for (let round = 0; round < restarts; round++) {
        const ours = await start(`cold-${round}`);
        const started = performance.now();
        expect((await ours.invoke(functionUrlEvent({ path, key, body }))).statusCode).toBe(200);
        times.first.push(performance.now() - started);
        times.ours.push(ours.initMs());
        await ours.stop();
        const reference: Emulator = await startEmulator(bare, 'lambda.handler', {});
        expect((await reference.invoke(functionUrlEvent({ method: 'GET', path: '/' }))).statusCode).toBe(200);
        times.bare.push(reference.initMs());
        await reference.stop();
      }
      const shown = Object.entries(times).map(
        ([what, all]) => `${what} ${quantile(all, 0.5)} ms (p95 ${quantile(all, 0.95)})`,
      );
      process.stdout.write(
        `cold starts, init and (first) with the first prediction, median: ${shown.join(', ')}\n`,
      );
      expect(times.ours).toHaveLength(restarts);
    });
  },
);

/** A function that imports Hono and onnxruntime-node and opens the same session, installed the usual way. */
async function bareFunction(folder: string, base: BaseManifest, store: Store): Promise<string> {
  const bare = join(folder, 'bare');
  await mkdir(join(bare, 'base'), { recursive: true });
  const graph =
    base.graphs[variantName({ head: 'pooled', modules: ['q', 'v'], form: 'int8', narrow: false })]!;
  for (const { sha256 } of [graph, base.weights])
    await writeFile(join(bare, 'base', sha256), (await store.get(`bases/${base.name}/${sha256}`))!.bytes);
  const source = `
    import { Hono } from 'hono';
    import { handle } from 'hono/aws-lambda';
    import { InferenceSession } from 'onnxruntime-node';
    await InferenceSession.create(${JSON.stringify(join(bare, 'base', graph.sha256))}, { graphOptimizationLevel: 'disabled' });
    const app = new Hono();
    app.get('/', c => c.text('ok'));
    export const handler = handle(app);
  `;
  await build({
    stdin: { contents: source, resolveDir: process.cwd() },
    outfile: join(bare, 'lambda.mjs'),
    ...{ bundle: true, minify: true, platform: 'node', format: 'esm', external: ['onnxruntime-node'] },
  });
  await symlink(join(process.cwd(), 'node_modules'), join(bare, 'node_modules'));
  return bare;
}

function quantile(values: readonly number[], q: number): string {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))]!.toFixed(0);
}
