/** train --precision: over a base as it is served, over one of four bits, and what does not go together. */
import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { refusalOf, resultOf } from './trainer.ts';
import { openWorkspace, type Workspace } from './workspace.ts';

let workspace: Workspace;
beforeAll(async () => {
  workspace = await openWorkspace();
  resultOf(await workspace.run('pull-base', 'tiny', '--name', 'exact', '--precision', 'fp32', '--json'));
});
afterAll(() => workspace.remove());

const learn = ['--eval-data', 'topics.csv', '--epochs', '60', '--learning-rate', '0.01', '--json'];
const manifestIn = async (out: string) =>
  JSON.parse(await readFile(workspace.path(`${out}/manifest.json`), 'utf8'));

test.each(['int8', 'int4'])(
  '%s learns, says how far it is from float32, and is recorded',
  async precision => {
    const ran = await workspace.train('topics.csv', ...learn, '--precision', precision, '--out', precision);
    expect(resultOf(ran)).toMatchObject({ metrics: { accuracy: 1 } });
    expect(ran.stderr).toMatch(
      new RegExp(`${precision} base: cosine to float32 (0\\.9|1\\.0)\\d+ on the first texts`),
    );
    expect(await manifestIn(precision)).toMatchObject({ training: { config: { precision } } });
  },
);

test('another precision trains another adapter', async () => {
  const adapters = ['fp32', 'int8', 'int4'].map(async precision => {
    const out = `once-${precision}`;
    resultOf(await workspace.train('topics.csv', '--precision', precision, '--out', out, '--json'));
    return (await manifestIn(out)).files['adapter.safetensors'].sha256;
  });
  expect(new Set(await Promise.all(adapters)).size).toBe(3);
});

test('int8 is what an int8 base is served in, so another base is refused', async () => {
  expect(refusalOf(await workspace.train('topics.csv', '--base', 'exact', '--precision', 'int8'), 2)).toBe(
    '--precision int8 trains on what is served, and base exact is served in fp32: build one with pull-base --precision int8',
  );
  resultOf(await workspace.train('topics.csv', '--base', 'exact', '--precision', 'int4', '--json'));
});

test.each(['bf16', 'fp16'])('%s is refused by the onnx engine', async precision => {
  expect(refusalOf(await workspace.train('topics.csv', '--precision', precision), 2)).toContain(
    `--precision ${precision} is not computed by the onnx engine: use fp32, int8, int4, or bf16 with --engine tfjs`,
  );
});

test.each(['dora', 'bitfit', 'full'])(
  '--method %s changes weights that a rounded base does not have',
  async method => {
    expect(refusalOf(await workspace.train('topics.csv', '--method', method, '--precision', 'int8'), 2)).toBe(
      `--precision int8 goes with --method lora, ia3, prompt, prefix, houlsby, not with ${method}`,
    );
  },
);
