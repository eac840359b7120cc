/** The package that is deployed: what is in it, how large it is, and that it answers from itself alone. */
import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, posix } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openDirectoryStore } from '../../functions/store/directory.ts';
import { type PackagedFile, packageFunction } from '../../infra/package.ts';
import { functionUrlEvent, httpApiEvent } from '../lambda/events.ts';
import { fillStore, questions } from '../lambda/tenant.ts';

const megabyte = 1_000_000;
const limits = { x64: 80 * megabyte, arm64: 60 * megabyte };

let folder: string;
/** Of this machine's platform, moved out of where it was made. */
let here: string;
let key: string;
const packages = {} as Record<keyof typeof limits, PackagedFile[]>;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'veneer-package-'));
  const root = process.cwd();
  for (const architecture of ['x64', 'arm64'] as const)
    packages[architecture] = await packageFunction({
      root,
      outdir: join(folder, architecture),
      architecture,
    });
  const made = join(folder, 'made');
  await packageFunction({ root, outdir: made, platform: process.platform, architecture: process.arch });
  here = join(folder, 'task');
  await rename(made, here);
  ({ key } = await fillStore(openDirectoryStore(join(folder, 'store'))));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

describe.each(['x64', 'arm64'] as const)('the package for %s', architecture => {
  it('stays under its size, unzipped', () => {
    const bytes = packages[architecture].reduce((sum, file) => sum + file.bytes, 0);
    expect(bytes).toBeGreaterThan(20 * megabyte);
    expect(bytes).toBeLessThan(limits[architecture]);
  });

  it('holds bundles and the onnxruntime of one platform, and nothing else', () => {
    const paths = packages[architecture].map(({ path }) =>
      path.replace(/^dist\/[\w-]+-[A-Z0-9]{8}\.js$/, 'dist/a part of the bundles'),
    );
    const native = `bin/napi-v6/linux/${architecture}`;
    expect([...new Set(paths)]).toEqual([
      'batch-lambda.js',
      `${native}/libonnxruntime.so.1`,
      `${native}/onnxruntime_binding.node`,
      'dist/a part of the bundles',
      'dist/functions/batch-lambda.js',
      'dist/functions/engine/worker.js',
      'dist/functions/lambda.js',
      'lambda.js',
      'node_modules/swagger-ui-dist/package.json',
      'node_modules/swagger-ui-dist/swagger-ui-bundle.js',
      'node_modules/swagger-ui-dist/swagger-ui.css',
      'package.json',
    ]);
  });

  it('loads less than 0.6 MB of code before the first request', async () => {
    const sizes = new Map(packages[architecture].map(({ path, bytes }) => [path, bytes]));
    const loaded = new Set<string>();
    const load = async (path: string) => {
      if (loaded.has(path)) return;
      loaded.add(path);
      const code = await readFile(join(folder, architecture, path), 'utf8');
      for (const [, to] of code.matchAll(/(?:from|import)"(\.{1,2}\/[^"]+)"/g))
        await load(posix.join(posix.dirname(path), to!));
    };
    await load('dist/functions/lambda.js');
    expect([...loaded].some(path => path.includes('/s3-'))).toBe(false);
    const bytes = [...loaded].reduce((sum, path) => sum + sizes.get(path)!, 0);
    expect(bytes).toBeGreaterThan(100_000);
    expect(bytes).toBeLessThan(0.6 * megabyte);
  });
});

describe('the package alone', () => {
  const asked = () => questions.map(([path, body]) => ({ path, key, body }));

  it('answers all three tasks, one request at a time', async () => {
    const events = asked().map(functionUrlEvent);
    const answers = await invoke(events, { VENEER_WORKERS: '0' });
    expect(answers.map(({ statusCode, body }) => (statusCode === 200 ? 200 : body))).toEqual([200, 200, 200]);
    const [classification, , answer] = answers.map(({ body }) => JSON.parse(body));
    expect(classification.task).toBe('classification');
    const total = classification.outputs[0].scores.reduce(
      (sum: number, { score }: { score: number }) => sum + score,
      0,
    );
    expect(total).toBeCloseTo(1, 5);
    expect('mara lives in oslo').toContain(answer.outputs[0].answers[0].answer);
    for (const { headers } of answers) expect(headers['x-adapter-digest']).toMatch(/^[0-9a-f]{64}$/);
  });

  it('answers many requests at once with worker threads, and says the same', async () => {
    const one = functionUrlEvent(asked()[0]!);
    const [inline] = await invoke([one], { VENEER_WORKERS: '0' });
    const many = await invoke(Array(64).fill(one), { VENEER_WORKERS: '2', AT_ONCE: '1' });
    expect(many).toHaveLength(64);
    for (const { statusCode, body } of many) expect([statusCode, body]).toEqual([200, inline?.body]);
  });

  it('takes the events of function URLs and of API Gateway, with a stage and without', async () => {
    const question = asked()[0]!;
    const health = { method: 'GET' as const, path: '/healthz' };
    const answers = await invoke([
      functionUrlEvent(question),
      functionUrlEvent({ ...question, base64: true }),
      httpApiEvent(question, '$default'),
      httpApiEvent(question, 'prod'),
      functionUrlEvent(health),
      functionUrlEvent({ ...health, query: 'a=%20b&a=c' }),
      httpApiEvent(health, 'prod'),
    ]);
    expect(answers.map(({ statusCode }) => statusCode)).toEqual(Array(7).fill(200));
    for (const { body } of answers.slice(1, 4)) expect(body).toBe(answers[0]?.body);
    expect(answers.slice(4).map(({ body }) => body)).toEqual(Array(3).fill('{"status":"ok"}'));
  });

  it('brings the pages and the files that they load', async () => {
    const paths = [
      '/playground',
      '/docs',
      '/docs/swagger-ui-bundle.js',
      '/docs/swagger-ui.css',
      '/openapi.json',
    ];
    const answers = await invoke(paths.map(path => functionUrlEvent({ method: 'GET', path })));
    expect(answers.map(({ statusCode }) => statusCode)).toEqual(Array(5).fill(200));
    for (const { body } of answers) expect(body.length).toBeGreaterThan(300);
  });

  it('refuses what it should, in the same words as elsewhere', async () => {
    const [, body] = questions[0]!;
    const path = '/v1/classification';
    const answers = await invoke([
      functionUrlEvent({ path, body }),
      functionUrlEvent({ path, body, key: `vn_acme_${'a'.repeat(43)}` }),
      functionUrlEvent({ path, key, body: { model: 'support' } }),
      functionUrlEvent({ path, key, body: { model: 'nothing', inputs: 'a' } }),
      functionUrlEvent({ path: '/prod/healthz', method: 'GET' }),
      functionUrlEvent({ path, key, body: { model: 'support', inputs: 'a'.repeat(2_000_000) } }),
    ]);
    expect(answers.map(({ statusCode }) => statusCode)).toEqual([401, 401, 422, 404, 404, 413]);
    for (const { headers, isBase64Encoded } of answers)
      expect([headers['content-type'], isBase64Encoded]).toEqual(['application/problem+json', false]);
  });
});

interface Answer {
  statusCode: number;
  headers: Record<string, string>;
  body: string;
  isBase64Encoded: boolean;
}

/** Calls the handler in a process that knows nothing but the package and its environment. */
async function invoke(events: object[], env: Record<string, string> = {}): Promise<Answer[]> {
  const script = join(folder, 'invoke.mjs');
  await writeFile(script, ask);
  const child = spawn(process.execPath, [script], {
    cwd: here,
    env: { VENEER_STORE: `file:${join(folder, 'store')}`, VENEER_CACHE_DIR: join(folder, 'cache'), ...env },
  });
  let [output, complaint] = ['', ''];
  child.stdout.on('data', piece => {
    output += piece;
  });
  child.stderr.on('data', piece => {
    complaint += piece;
  });
  child.stdin.end(JSON.stringify(events));
  const code = await new Promise(done => child.once('close', done));
  if (code !== 0) throw new Error(complaint);
  return JSON.parse(output);
}

const ask = `
import { text } from 'node:stream/consumers';
import { handler } from './task/lambda.js';
const events = JSON.parse(await text(process.stdin));
const answers = [];
if (process.env.AT_ONCE) answers.push(...await Promise.all(events.map(event => handler(event, {}))));
else for (const event of events) answers.push(await handler(event, {}));
process.stdout.write(JSON.stringify(answers), () => process.exit(0));
`;
