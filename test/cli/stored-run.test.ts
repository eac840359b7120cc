/**
 * Runs whose place is a store, as the parts of a job on AWS Batch have it: killed or stopped, gone on with on another disk,
 * with the bytes of a run that nothing interrupted.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { mkdir, readFile, rm } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openStore } from '../../functions/store/open.ts';
import { writePlan } from '../../trainer/jobs/plan.ts';
import { findVersitygw, howToGetIt, type S3Server, startVersitygw } from '../store/versitygw.ts';
import { type Running, refusalOf, resultOf, startTrainer } from './trainer.ts';
import { openWorkspace, type Workspace } from './workspace.ts';

const program = await findVersitygw();
if (!program) process.stderr.write(`skipped: runs in S3: ${howToGetIt}\n`);

let workspace: Workspace;
let server: S3Server | undefined;
const rows = [
  'the parcel was late,parcel',
  'refund the money,refund',
  'thanks great,praise',
  'broken,parcel',
];
const settings = [
  ...['--task', 'classification', '--data', 'rows.csv', '--eval-data', 'topics.csv', '--base', 'tiny'],
  ...['--epochs', '30', '--batch-size', '2', '--threads', '1', '--eval-steps', '9', '--save-steps', '7'],
  ...['--dropout', '0.1', '--schedule', 'cosine', '--seed', '3'],
];
const steps = 60;
const results = ['adapter.safetensors', 'manifest.json', 'checkpoint.safetensors', 'data.json'];

/** What a run in a store is worked on with: a disk that ends with its machine. */
async function freshDisk(name: string): Promise<NodeJS.ProcessEnv> {
  const disk = workspace.path(`disk-${name}`);
  await rm(disk, { recursive: true, force: true });
  await mkdir(disk);
  return { TMPDIR: disk, ...server?.env };
}

const runsOn = (disk: string) => readdirSync(disk).filter(name => name.startsWith('veneer-run-'));

/** The last step that is written on a disk. */
function stepOn(disk: string): number {
  const [folder] = runsOn(disk);
  const path = `${disk}/${folder}/steps.jsonl`;
  if (folder === undefined || !existsSync(path)) return 0;
  const lines = readFileSync(path, 'utf8').split('\n').slice(0, -1);
  return lines.length === 0 ? 0 : JSON.parse(lines.at(-1)!).step;
}

async function untilStep({ child }: Running, disk: string, step: number): Promise<void> {
  while (child.exitCode === null && stepOn(disk) < step) await sleep(1);
  expect(child.exitCode).toBe(null);
}

const recordsOf = (bytes: Uint8Array) =>
  Buffer.from(bytes)
    .toString()
    .split('\n')
    .slice(0, -1)
    .map(line => ({ ...JSON.parse(line), milliseconds: undefined }));

beforeAll(async () => {
  workspace = await openWorkspace();
  await workspace.write('rows.csv', `text,label\n${rows.join('\n')}\n`);
  resultOf(await workspace.run('train', ...settings, '--out', 'whole', '--json'));
  if (program) server = await startVersitygw(program);
  Object.assign(process.env, server?.env);
});
afterAll(async () => {
  await server?.stop();
  await workspace.remove();
});

describe.each([
  ['a directory', async () => `file:${workspace.path('runs')}`, true],
  ['S3', async () => `s3://${await server!.bucket('runs')}/some`, program !== undefined],
] as const)('in %s', (_title, placeOf, isHere) => {
  let place: string;
  beforeAll(async () => {
    if (isHere) place = await placeOf();
  });
  const bytesIn = async (name: string, file: string) =>
    (await (await openStore(place)).get(`${name}/${file}`))?.bytes;

  /** The part of a job that trains into `name`, as AWS Batch starts it. */
  async function start(name: string, env: NodeJS.ProcessEnv): Promise<Running> {
    const runs = ['other', name].map(each => [...settings, '--out', `${place}/${each}`]);
    const plan = await writePlan(workspace.store, runs);
    return startTrainer(['run-job', plan, '--json'], {
      cwd: workspace.folder,
      env: { ...env, AWS_BATCH_JOB_ARRAY_INDEX: '1' },
    });
  }

  async function expectWhole(name: string): Promise<void> {
    for (const file of results)
      expect(
        Buffer.from((await bytesIn(name, file))!).equals(await readFile(workspace.path(`whole/${file}`))),
      ).toBe(true);
    const log = recordsOf((await bytesIn(name, 'steps.jsonl'))!);
    expect(log).toEqual(recordsOf(await readFile(workspace.path('whole/steps.jsonl'))));
    expect(await bytesIn(name, 'checkpoint.previous.safetensors')).toBeUndefined();
    expect(await bytesIn('other', 'checkpoint.safetensors')).toBeUndefined();
  }

  test.skipIf(!isHere)(
    'killed (-9) before and after its first checkpoint: it goes on from the store',
    async () => {
      const resumed: string[] = [];
      for (const step of [3, 17, 41]) {
        const env = await freshDisk('killed');
        const running = await start('killed', env);
        await untilStep(running, env.TMPDIR!, step);
        running.child.kill('SIGKILL');
        const ran = await running.ended;
        expect(ran.signal).toBe('SIGKILL');
        resumed.push(/resumed after step \d+|no checkpoint/.exec(ran.stderr)?.[0] ?? '');
        expect(await bytesIn('killed', 'manifest.json')).toBeUndefined();
      }
      const last = await start('killed', await freshDisk('killed'));
      const ran = await last.ended;
      expect(resultOf(ran)).toMatchObject({ out: `${place}/killed`, steps });
      resumed.push(/resumed after step \d+/.exec(ran.stderr)![0]);
      const at = resumed.map(text => Number(/\d+/.exec(text)?.[0] ?? 0));
      expect(resumed[0]).toBe('no checkpoint');
      // A checkpoint every seven steps, of which the last may not have arrived.
      expect(at.map(step => step % 7)).toEqual([0, 0, 0, 0]);
      expect(at[2]).toBeGreaterThanOrEqual(7);
      expect(at[3]).toBeGreaterThanOrEqual(28);
      await expectWhole('killed');
      expect(runsOn(workspace.path('disk-killed'))).toEqual([]);
    },
  );

  test.skipIf(!isHere)(
    'SIGTERM: the checkpoint of the step under way is in the store, and 143 the exit code',
    async () => {
      const env = await freshDisk('stopped');
      const running = await start('stopped', env);
      await untilStep(running, env.TMPDIR!, 20);
      running.child.kill('SIGTERM');
      const ran = await running.ended;
      expect(ran).toMatchObject({ code: 143, signal: null });
      const stopped = Number(/stopped by SIGTERM after step (\d+)/.exec(ran.stderr)![1]);
      expect(runsOn(env.TMPDIR!)).toEqual([]);
      const again = await (await start('stopped', await freshDisk('stopped'))).ended;
      resultOf(again);
      expect(again.stderr).toContain(`resumed after step ${stopped}\n`);
      await expectWhole('stopped');
    },
  );

  test.skipIf(!isHere)('a part that is started again after its end changes nothing', async () => {
    const before = await bytesIn('killed', 'adapter.safetensors');
    const again = await (await start('killed', await freshDisk('killed'))).ended;
    expect(resultOf(again).steps).toBe(steps);
    expect(await bytesIn('killed', 'adapter.safetensors')).toEqual(before);
    await expectWhole('killed');
  });

  test.skipIf(!isHere)(
    'evaluate, push-adapter, report and train --from read what is in the store',
    async () => {
      const env = { ...server?.env, VENEER_CACHE_DIR: workspace.path('cache') };
      const run = (...args: string[]) => startTrainer(args, { cwd: workspace.folder, env }).ended;
      const url = `${place}/killed`;
      const local = resultOf(await run('evaluate', 'whole', '--data', 'topics.csv', '--json'));
      expect(resultOf(await run('evaluate', url, '--data', 'topics.csv', '--json'))).toEqual(local);
      const push = ['push-adapter', '--tenant', 'acme', '--name', 'topics', '--json'];
      expect(resultOf(await run(...push, url)).digest).toBe(resultOf(await run(...push, 'whole')).digest);
      expect(resultOf(await run('report', url, '--out', 'stored.html', '--json')).task).toBe(
        'classification',
      );
      expect(await readFile(workspace.path('stored.html'), 'utf8')).toContain('<title>killed');
      const onward = [...settings.slice(0, -2), '--epochs', '1', '--from', url, '--out', 'onward', '--json'];
      expect(resultOf(await run('train', ...onward)).steps).toBe(2);
      const nothing = await run('evaluate', `${place}/other`, '--data', 'topics.csv');
      expect(nothing.code).toBe(1);
      expect(nothing.stderr).toMatch(/error: \S+ holds no finished run: no manifest.json and no run.json\n$/);
    },
  );

  test.skipIf(!isHere)(
    'without --resume the old checkpoint goes, and files of another kind of run too',
    async () => {
      const url = `${place}/again`;
      const env = await freshDisk('again');
      const train = (...args: string[]) =>
        startTrainer(['train', ...settings, '--epochs', '2', '--out', url, '--json', ...args], {
          cwd: workspace.folder,
          env,
        }).ended;
      resultOf(await train('--replay', '2'));
      expect(await bytesIn('again', 'replay.jsonl')).toBeDefined();
      const refused = await train('--resume', '--seed', '4');
      expect(refusalOf({ ...refused, stderr: refused.stderr.split('\n').slice(-2).join('\n') })).toContain(
        'seed was 3, is 4',
      );
      resultOf(await train('--method', 'bitfit', '--seed', '4'));
      const store = await openStore(url);
      const names: string[] = [];
      for await (const name of store.list('')) names.push(name);
      expect(names).toEqual([
        ...['checkpoint.safetensors', 'data.json', 'parameters.safetensors', 'run.json', 'steps.jsonl'],
      ]);
    },
  );
});

test('a checkpoint that the store does not take is told of, and the run goes on', async () => {
  await mkdir(workspace.path('full/checkpoint.safetensors/in-the-way'), { recursive: true });
  const ran = await workspace.run('train', ...settings, '--epochs', '1', '--out', 'file:full', '--json');
  expect(ran.stderr).toMatch(/\nthis checkpoint is on this machine only: checkpoint.safetensors: [^\n]+\n/);
  expect(ran.code).toBe(1);
  expect(ran.stderr).toMatch(/\nerror: checkpoint.safetensors: [^\n]+\n$/);
});

test.each([
  ['', 'oops', 'AWS_BATCH_JOB_ARRAY_INDEX is "oops": the plan has 1 runs'],
  ['', '1', 'AWS_BATCH_JOB_ARRAY_INDEX is "1": the plan has 1 runs'],
  ['', '-1', 'AWS_BATCH_JOB_ARRAY_INDEX is "-1": the plan has 1 runs'],
  ['f'.repeat(64), '0', /jobs\/f{64}\.json is not there: submit the job again$/],
  ['../keys', '0', '"../keys" is no plan: 64 hexadecimal digits are'],
])('plan %s, part %s is refused', async (plan, index, message) => {
  const written = await writePlan(workspace.store, [[...settings, '--out', 'never']]);
  const env = { AWS_BATCH_JOB_ARRAY_INDEX: index };
  const ran = await startTrainer(['run-job', plan || written], { cwd: workspace.folder, env }).ended;
  const said = refusalOf(ran, plan.startsWith('f') ? 1 : 2);
  if (typeof message === 'string') expect(said).toBe(message);
  else expect(said).toMatch(message);
  expect(existsSync(workspace.path('never'))).toBe(false);
});
