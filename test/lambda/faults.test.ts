/** Served from a real S3 server through a proxy that breaks things: what is answered is right, or it is a 503. */
import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { baseFile } from '../../functions/artifacts/bases.ts';
import { sha256 } from '../../functions/artifacts/digest.ts';
import type { BaseManifest } from '../../functions/artifacts/manifests.ts';
import { loadVersion, readAlias, resolveReference, setAlias } from '../../functions/artifacts/versions.ts';
import { VeneerError } from '../../functions/error.ts';
import { createApp } from '../../functions/http/app.ts';
import { openServices } from '../../functions/http/services.ts';
import { openStore } from '../../functions/store/open.ts';
import type { Store } from '../../functions/store/store.ts';
import { uniform } from '../../trainer/random.ts';
import { type Fault, type FaultProxy, faults, startFaultProxy } from '../store/fault-proxy.ts';
import { findVersitygw, howToGetIt, type S3Server, startVersitygw } from '../store/versitygw.ts';
import { fillStore, pushRandom, questions, tenant } from './tenant.ts';

/** Of a prediction, or of a problem. */
interface Answer {
  outputs?: unknown;
  code?: string;
}

const versitygw = await findVersitygw();
if (!versitygw) process.stderr.write(`skipped: ${howToGetIt}\n`);

describe.skipIf(!versitygw)('behind an unreliable S3', { timeout: 240_000 }, () => {
  let folder: string;
  let server: S3Server;
  let proxy: FaultProxy;
  let store: Store;
  let base: BaseManifest;
  let key: string;
  let expected: unknown;
  let caches = 0;
  const environment = { ...process.env };

  /** A server that has nothing in memory; its base's files are there unless `cold`. */
  const serving = async ({ cold = false } = {}) => {
    const cacheDir = join(folder, cold ? `cold-${caches++}` : 'warm');
    // One that has just started has sent nothing to S3 yet.
    const services = openServices({
      store: await openStore(store.url),
      baseName: 'tiny',
      cacheDir,
      workers: 0,
    });
    const app = createApp(services);
    const ask = async (model = 'support') => {
      const body = JSON.stringify({ ...questions[0]![1], model });
      const headers = { authorization: `Bearer ${key}` };
      const response = await app.request('/v1/classification', { method: 'POST', headers, body });
      return {
        status: response.status,
        headers: response.headers,
        answer: (await response.json()) as Answer,
      };
    };
    return { ask, close: services.close };
  };
  /** The fault for the first `times` requests of each object. */
  const firstTimes = (fault: Fault, times: number) => {
    const seen = new Map<string, number>();
    proxy.choose = ({ url = '' }) => {
      const count = seen.get(url) ?? 0;
      seen.set(url, count + 1);
      return count < times ? fault : undefined;
    };
  };

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'veneer-faults-'));
    server = await startVersitygw(versitygw!);
    proxy = await startFaultProxy(server.env.AWS_ENDPOINT_URL!);
    Object.assign(process.env, server.env, { AWS_ENDPOINT_URL: proxy.url });
    store = await openStore(`s3://${await server.bucket('veneer')}/artifacts`);
    ({ base, key } = await fillStore(store));
    const { ask, close } = await serving();
    const { status, answer } = await ask();
    expect(status).toBe(200);
    expected = answer.outputs;
    await close();
  });
  beforeEach(() => {
    proxy.choose = () => undefined;
  });
  afterAll(async () => {
    await proxy?.stop();
    await server?.stop();
    for (const name of Object.keys(process.env)) if (!(name in environment)) delete process.env[name];
    Object.assign(process.env, environment);
    await rm(folder, { recursive: true, force: true });
  });

  it.each(faults)('answers as ever where every object is %s twice, the base cold as well', async fault => {
    firstTimes(fault, 2);
    const { ask, close } = await serving({ cold: true });
    const { status, answer } = await ask();
    expect([status, answer.outputs]).toEqual([200, expected]);
    await close();
  });

  it.each(faults.filter(fault => fault !== 'delayed'))(
    'answers 503 with Retry-After where S3 stays %s',
    async fault => {
      proxy.choose = () => fault;
      const { ask, close } = await serving();
      const { status, headers, answer } = await ask();
      expect([status, answer.code]).toEqual([503, 'unavailable']);
      expect(Number(headers.get('retry-after'))).toBeGreaterThan(0);
      proxy.choose = () => undefined;
      expect((await ask()).answer.outputs).toEqual(expected);
      await close();
    },
  );

  it('never serves corrupt bytes, whichever half of the reads is corrupt', async () => {
    let request = 0;
    proxy.choose = () => (uniform({ seed: 5, stream: 1 }, 0, request++) < 0.5 ? 'corrupt' : undefined);
    const statuses: number[] = [];
    for (let round = 0; round < 12; round++) {
      const { ask, close } = await serving({ cold: true });
      const { status, answer } = await ask();
      statuses.push(status);
      if (status === 200) expect(answer.outputs).toEqual(expected);
      else expect(status).toBe(503);
      await close();
    }
    expect(statuses).toContain(200);
  });

  it('fetches a large file of a base in parts, and again where a part was corrupt', async () => {
    const bytes = new Uint8Array((20 << 20) + 5).map((_, i) => (i * 31) >> 3);
    const ref = { sha256: sha256(bytes), bytes: bytes.length };
    await store.put(`bases/large/${ref.sha256}`, bytes);
    const ranges: (string | undefined)[] = [];
    proxy.choose = ({ url, headers }) => {
      // A server of the test before may still be reading.
      if (!url?.includes(ref.sha256)) return undefined;
      ranges.push(headers.range);
      return ranges.length === 2 ? 'corrupt' : undefined;
    };
    const path = await baseFile(store, 'large', ref, join(folder, 'large'));
    expect(path.endsWith(ref.sha256)).toBe(true);
    const parts = ['bytes=0-8388607', 'bytes=16777216-20971524', 'bytes=8388608-16777215'];
    expect(ranges.sort()).toEqual([...parts, ...parts].sort());
    const wrong = { ...ref, sha256: sha256('another') };
    await store.put(`bases/large/${wrong.sha256}`, bytes);
    const refused = baseFile(store, 'large', wrong, join(folder, 'large'));
    await expect(refused).rejects.toMatchObject({ code: 'digest_mismatch' });
  });

  it('fetches nothing of a base whose files came with the package', async () => {
    const baked = join(folder, 'baked');
    await cp(join(folder, 'warm', 'tiny'), join(baked, 'tiny'), { recursive: true });
    const asked: string[] = [];
    proxy.choose = ({ url = '' }) => {
      asked.push(url);
      return undefined;
    };
    const services = openServices({ store, baseName: 'tiny', cacheDir: baked, workers: 0 });
    await services.base();
    await services.close();
    expect(asked.map(url => url.replace(/\?.*/, ''))).toEqual([
      expect.stringMatching(/\/bases\/tiny\/manifest\.json$/),
    ]);
  });

  it.each(faults)('leaves a push done or not there, where a third of the requests are %s', async fault => {
    for (let round = 0; round < 6; round++) {
      const name = `push-${round}-${fault}`;
      let request = 0;
      proxy.choose = () => (uniform({ seed: round, stream: 2 }, 0, request++) < 0.34 ? fault : undefined);
      let digest: string | undefined;
      try {
        digest = await pushRandom(store, base, { task: 'classification', name, seed: 100 + round });
      } catch (error) {
        if (!(error instanceof VeneerError)) throw error;
      }
      proxy.choose = () => undefined;
      const alias = await readAlias(store, { tenant, name, alias: 'live' });
      if (digest !== undefined) expect(alias?.alias.digest).toBe(digest);
      if (alias)
        expect((await loadVersion(store, tenant, name, alias.alias.digest)).manifest.task).toBe(
          'classification',
        );
      // And what was not there can be pushed now.
      const again = await pushRandom(store, base, { task: 'classification', name, seed: 100 + round });
      expect(await resolveReference(store, tenant, { name, alias: 'live' })).toBe(again);
    }
  });

  it('switches a thousand aliases under load, each answer wholly of a version that was live within the time', async () => {
    const names = Array.from({ length: 1000 }, (_, i) => `many-${i}`);
    const versions = new Map<string, unknown>();
    const { ask, close } = await serving();
    const push = (name: string, seed: number, live: boolean) =>
      pushRandom(store, base, { task: 'classification', name, seed, live });
    // What each version answers, from two adapters that nobody switches.
    for (const seed of [11, 12]) {
      const digest = await push(`alone-${seed}`, seed, true);
      versions.set(digest, (await ask(`alone-${seed}`)).answer.outputs);
    }
    const [before, after] = [...versions.keys()] as [string, string];
    expect(versions.get(before)).not.toEqual(versions.get(after));
    await inLanes(names, async name => {
      await push(name, 12, false);
      await push(name, 11, true);
    });

    const switching = new Set<string>();
    const switchedAt = new Map<string, number>();
    let answers = 0;
    let running = true;
    const load = Array.from({ length: 4 }, async (_, lane) => {
      for (let i = lane; running; i += 4) {
        const name = names[(i * 37) % names.length]!;
        const askedAt = performance.now();
        const { status, headers, answer } = await ask(name);
        expect(status).toBe(200);
        const digest = headers.get('x-adapter-digest')!;
        expect(answer.outputs).toEqual(versions.get(digest));
        // The old version only where the switch was no longer ago than the alias is believed.
        const switched = switchedAt.get(name);
        if (digest === before && switched !== undefined) expect(askedAt - switched).toBeLessThan(5_000);
        if (digest === after) expect(switching.has(name)).toBe(true);
        answers++;
      }
    });
    await inLanes(names, async name => {
      switching.add(name);
      await setAlias(store, { tenant, name, alias: 'live', digest: after });
      switchedAt.set(name, performance.now());
    });
    running = false;
    await Promise.all(load);
    expect(answers).toBeGreaterThan(50);
    await close();
  });
});

async function inLanes(names: readonly string[], work: (name: string) => Promise<void>): Promise<void> {
  const waiting = names.values();
  const lane = async () => {
    for (const name of waiting) await work(name);
  };
  await Promise.all(Array.from({ length: 8 }, lane));
}
