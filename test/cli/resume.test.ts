/** Runs that are killed, stopped or lose a worker, and go on: the adapter is the same, byte for byte. */
import { readdirSync, readFileSync } from 'node:fs';
import { readFile, rm } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { runProgram } from '../../trainer/program.ts';
import { type Running, resultOf } from './trainer.ts';
import { openWorkspace, topics, type Workspace } from './workspace.ts';

let workspace: Workspace;

const seed = 20261126;
/** 5 rows of 2 x 2 a step: 2 steps an epoch, 120 in all. Everything that is random or counted is on. */
const options = [
  ...[
    '--eval-data',
    'five.csv',
    '--epochs',
    '60',
    '--batch-size',
    '2',
    '--accumulate',
    '2',
    '--patience',
    '55',
  ],
  ...['--dropout', '0.1', '--attention-dropout', '0.1', '--r-drop', '0.5', '--schedule', 'cosine'],
  ...['--eval-steps', '9', '--save-steps', '7', '--head-learning-rate', '0.004', '--json'],
];
const train = (out: string, ...args: string[]) =>
  workspace.train('five.csv', ...options, '--out', out, ...args);
const start = (out: string, ...args: string[]) =>
  workspace.start(
    ...['train', '--task', 'classification', '--data', 'five.csv', '--base', 'tiny', '--threads', '1'],
    ...[...options, '--out', out, ...args],
  );

const results = ['adapter.safetensors', 'manifest.json'];
const bytesOf = (out: string) => Promise.all(results.map(file => readFile(workspace.path(`${out}/${file}`))));

/** Records but what a clock measured; an unfinished last line is none. */
function recordsOf(out: string): Record<string, unknown>[] {
  try {
    const lines = readFileSync(workspace.path(`${out}/steps.jsonl`), 'utf8')
      .split('\n')
      .slice(0, -1);
    return lines.map(line => ({ ...JSON.parse(line), milliseconds: undefined }));
  } catch {
    return [];
  }
}

async function untilStep({ child }: Running, out: string, step: number): Promise<void> {
  while (child.exitCode === null && ((recordsOf(out).at(-1)?.step as number) ?? 0) < step) await sleep(1);
  expect(child.exitCode).toBe(null);
}

/** Processes that a process started and that are there. */
const childrenOf = (pid: number): number[] =>
  readdirSync(`/proc/${pid}/task`).flatMap(task =>
    readFileSync(`/proc/${pid}/task/${task}/children`, 'utf8').split(' ').filter(Boolean).map(Number),
  );

beforeAll(async () => {
  workspace = await openWorkspace();
  await workspace.write('five.csv', `${topics}"thanks, order arrived",praise\n`);
  resultOf(await train('whole'));
});
afterAll(() => workspace.remove());

test('killed (-9) at three random steps, before and after its first checkpoint', async () => {
  const steps = [2, 20, 70].map((low, i) => low + ((seed >> (4 * i)) % 16));
  for (const [i, step] of steps.entries()) {
    const running = start('killed', ...(i === 0 ? [] : ['--resume']));
    await untilStep(running, 'killed', step);
    running.child.kill('SIGKILL');
    expect((await running.ended).signal, `seed ${seed}`).toBe('SIGKILL');
  }
  const result = resultOf(await train('killed', '--resume'));
  expect(result.steps).toBe(120);
  expect(await bytesOf('killed')).toEqual(await bytesOf('whole'));
  expect(recordsOf('killed')).toEqual(recordsOf('whole'));
  const kinds = recordsOf('killed').map(({ kind }) => kind);
  expect(kinds.filter(kind => kind === 'step')).toHaveLength(120);
  expect(kinds.filter(kind => kind === 'evaluation')).toHaveLength(Math.ceil(120 / 9));
});

test.each([
  ['--precision int8'],
  ['--precision int4'],
  ['--method dora'],
  ['--method ia3 --precision int8'],
  ['--method houlsby --adapter-size 5 --precision int8'],
  ['--method bitfit'],
  ['--method full'],
])('%s: killed (-9) after a checkpoint, it goes on to the same bytes', async flags => {
  const [out, whole] = [flags.replaceAll(/\W+/g, '-'), flags.replaceAll(/\W+/g, '_')];
  resultOf(await train(whole, ...flags.split(' ')));
  const running = start(out, ...flags.split(' '));
  await untilStep(running, out, 20);
  running.child.kill('SIGKILL');
  await running.ended;
  resultOf(await train(out, ...flags.split(' '), '--resume'));
  const trained = readdirSync(workspace.path(whole)).filter(name => !/checkpoint|jsonl$/.test(name));
  expect(trained.length).toBeGreaterThan(1);
  for (const name of trained)
    expect(await readFile(workspace.path(`${out}/${name}`)), name).toEqual(
      await readFile(workspace.path(`${whole}/${name}`)),
    );
});

test.each([
  ['SIGINT', 130, 'interrupted', '2'],
  ['SIGTERM', 143, 'terminated', '1'],
] as const)(
  '%s: a checkpoint of the step under way, exit code %i, and --resume goes on',
  async (signal, code, name, devices) => {
    const running = start(signal, '--devices', devices);
    await untilStep(running, signal, 30);
    // As a terminal does, to the whole group.
    const { pid } = running.child as { pid: number };
    for (const target of [...childrenOf(pid), pid]) process.kill(target, signal);
    const ran = await running.ended;
    expect(ran).toMatchObject({ code, signal: null });
    const stopped = recordsOf(signal)
      .filter(({ kind }) => kind === 'step')
      .at(-1)!.step;
    expect(ran.stderr).toContain(
      `error: stopped by ${signal} after step ${stopped}, which the checkpoint has; the same command with --resume goes on from there\n`,
    );
    expect(JSON.parse(ran.stdout).error.code).toBe(name);
    expect(readdirSync(workspace.path(signal))).not.toContain('manifest.json');
    const resumed = await train(signal, '--resume', '--store', 'file:.veneer');
    resultOf(resumed);
    expect(resumed.stderr).toContain(`resumed after step ${stopped}\n`);
    expect(await bytesOf(signal)).toEqual(await bytesOf('whole'));
  },
);

describe('--devices 2', () => {
  test('is the same as one worker, also where one is killed (-9) on the way', async () => {
    const running = start('devices', '--devices', '2');
    await untilStep(running, 'devices', 10);
    const workers = childrenOf(running.child.pid!);
    expect(workers).toHaveLength(2);
    process.kill(workers[1]!, 'SIGKILL');
    const ran = await running.ended;
    expect(ran.stderr).toContain("device 1: the engine's worker ended (SIGKILL): starting another one\n");
    resultOf(ran);
    expect(await bytesOf('devices')).toEqual(await bytesOf('whole'));
    for (const pid of workers) expect(() => process.kill(pid, 0)).toThrow('ESRCH');
  });

  test('leaves no worker behind when the trainer is killed, and another number of devices may go on', async () => {
    const running = start('orphans', '--devices', '2');
    await untilStep(running, 'orphans', 20);
    const workers = childrenOf(running.child.pid!);
    running.child.kill('SIGKILL');
    await running.ended;
    for (const pid of workers) while (readdirSync('/proc').includes(String(pid))) await sleep(5);
    resultOf(await train('orphans', '--resume'));
    expect(await bytesOf('orphans')).toEqual(await bytesOf('whole'));
  });
});

test('--resume of a finished run gives the same again, and of none trains from the start', async () => {
  await rm(workspace.path('whole/manifest.json'));
  const before = await readFile(workspace.path('whole/adapter.safetensors'));
  resultOf(await train('whole', '--resume'));
  expect(await readFile(workspace.path('whole/adapter.safetensors'))).toEqual(before);
  const files = readdirSync(workspace.path('whole'));
  expect(files).toEqual(expect.arrayContaining(['checkpoint.safetensors', 'manifest.json', 'steps.jsonl']));
  expect(files).not.toContain('checkpoint.previous.safetensors');
});

test.each([
  ['--r-drop', '0.5'],
  ['--dropout', '0.95'],
  ['--attention-dropout', '-0.1'],
  ['--r-drop', '101'],
  ['--devices', '0'],
  ['--schedule', 'step'],
  ['--eval-steps', '0'],
  ['--save-steps', '1.5'],
  ['--head-learning-rate', '11'],
])('%s %s is refused, naming the range or what is missing', async (flag, value) => {
  const written = vi.spyOn(process.stderr, 'write').mockReturnValue(true);
  const args = ['train', '--task', 'classification', '--data', 'none', '--base', 'none', '--out', 'none'];
  const code = await runProgram([...args, flag, value]);
  const lines = written.mock.calls.map(([line]) => String(line));
  written.mockRestore();
  expect(code).toBe(2);
  expect(lines).toEqual([expect.stringMatching(/^error: [^\n]*\n$/)]);
  expect(lines[0]).toContain(flag);
  expect(lines[0]).toMatch(/ from -?\d+ to \d| above 0|Allowed choices are linear, cosine, constant/);
});
