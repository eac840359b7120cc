/**
 * The tfjs engine's process with packages made for the purpose: TensorFlow.js in JavaScript behind a name that has a binding,
 * with the faults of a machine that is not at hand.
 */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { HostTensor } from '../../trainer/engines/engine.ts';
import type { Spent } from '../../trainer/engines/spent.ts';
import { type TfjsProcessOptions, tfjsProcessEngine } from '../../trainer/engines/tfjs-process.ts';
import { Graph } from '../../trainer/graph/graph.ts';
import { probeTfjs } from '../../trainer/setup/probe.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'veneer-process-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const name = '@tensorflow/tfjs-node-gpu';
const real = JSON.stringify(createRequire(import.meta.url).resolve('@tensorflow/tfjs'));

/** A package whose module is `source`, where `tf` is TensorFlow.js in JavaScript. */
async function packageOf(title: string, source: string) {
  const own = join(folder, title);
  const installed = join(own, 'node_modules', name);
  await mkdir(installed, { recursive: true });
  await writeFile(join(own, 'package.json'), '{}');
  await writeFile(join(installed, 'package.json'), '{ "version": "4.22.0", "main": "index.js" }');
  await writeFile(join(installed, 'index.js'), `const tf = require(${real});\n${source}\n`);
  return { name, folder: own } as const;
}

/** A backend of that name, as tfjs-node's looks from outside: its binding's functions cannot be written. */
const withBinding = (isUsingGpuDevice: boolean, calls = '') => `
const binding = Object.defineProperties({}, {
  TF_Version: { value: '2.21.0' },
  executeOp: { value: () => { const end = performance.now() + 5; while (performance.now() < end); } },
});
const backend = { isUsingGpuDevice: ${isUsingGpuDevice}, binding };
module.exports = { ...tf, backend: () => backend, ${calls} };`;

function program() {
  const g = new Graph();
  return { outputs: { y: g.exp(g.input('x', ['B', 1024])) } };
}
const x: HostTensor = { dtype: 'float32', shape: [64, 1024], data: new Float32Array(64 * 1024) };

async function compile(source: string, options: Partial<TfjsProcessOptions> = {}) {
  const found = await packageOf(`package-${Math.random()}`, source);
  const own = { package: found, precision: 'fp32', threads: 1, freeBytes: 2 ** 30 } as const;
  return tfjsProcessEngine({ ...own, ...options }).compile(program());
}

describe('a package that cannot be used is one line with what to do', () => {
  const advice =
    '`trainer doctor` tells what is there, `trainer setup-gpu --force` builds it again, --engine onnx does without it';
  test.each([
    [
      'whose libraries are missing',
      "throw new Error('libcudart.so.12: cannot open shared object file\\nat dlopen')",
      `TensorFlow: libcudart.so.12: cannot open shared object file): ${advice}`,
    ],
    ['that sees no GPU', withBinding(false), `TensorFlow: TensorFlow 2.21.0 sees no GPU): ${advice}`],
    [
      'that takes its process with it',
      "process.kill(process.pid, 'SIGKILL')",
      `the engine's worker ended (SIGKILL)): ${advice}`,
    ],
    [
      'whose GPU has no room for the base',
      "throw new Error('failed to allocate 85.83MiB from device: RESOURCE_EXHAUSTED')",
      'the base does not fit into the memory that is free',
    ],
  ])('%s', async (_, source, expected) => {
    const refused = await compile(source).catch(error => error);
    expect(refused).toMatchObject({ code: 'unavailable', name: 'VeneerError' });
    expect(refused.message).toContain(`${name} cannot be used (`);
    expect(refused.message).toContain(expected);
    expect(refused.message).not.toContain('\n');
  });

  test('and doctor tries it', async () => {
    const probe = async (source: string) => probeTfjs(await packageOf(`probe-${Math.random()}`, source));
    expect(await probe(withBinding(true))).toEqual({ version: '2.21.0', device: 'gpu' });
    expect(await probe("throw new Error('libcudart.so.12: no such file')")).toEqual({
      fault: 'libcudart.so.12: no such file',
    });
    expect(await probe("process.kill(process.pid, 'SIGKILL')")).toMatchObject({
      fault: expect.stringContaining('SIGKILL'),
    });
  });
});

test('out of device memory in a run names the rows that would have fitted', async () => {
  const said = 'OOM when allocating tensor with shape[64,1024] and type float on device:GPU:0';
  const failing = withBinding(true, `exp: () => { throw new Error('${said}\\nHint: more') }`);
  // Two tensors of 4 KiB a row, in four fifths of the memory.
  const opened = await compile(failing, { freeBytes: (10 * 2 * 4096) / 0.8 });
  await expect(opened.run({ x })).rejects.toMatchObject({ name: 'EngineOutOfMemory', rows: 64, fitting: 10 });
  await opened.close();
});

test('a run tells how long it issued ops, and how much of that was in the binding', async () => {
  const spent: Spent[] = [];
  const calling = withBinding(true, 'exp: t => { backend.binding.executeOp(); return tf.exp(t); }');
  const opened = await compile(calling, { onSpent: one => spent.push(one) });
  const answer = await opened.run({ x });
  expect(answer.y!.data[0]).toBe(1);
  await opened.close();
  expect(spent).toHaveLength(1);
  expect(spent[0]!.calls).toBeGreaterThanOrEqual(5);
  expect(spent[0]!.issuing).toBeGreaterThan(spent[0]!.calls);
});
