/** trainer submit: what it refuses, what it asks AWS Batch for, and what the parts of its jobs then do, up to the pushed adapter. */
import { mkdir, readFile } from 'node:fs/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { openS3Store } from '../../functions/store/s3.ts';
import { sampleSettings } from '../../trainer/search/sample.ts';
import { parseSpace } from '../../trainer/search/space.ts';
import { type BatchServer, startBatchServer } from '../jobs/batch-server.ts';
import { findVersitygw, howToGetIt, type S3Server, startVersitygw } from '../store/versitygw.ts';
import { type Ran, resultOf, startTrainer } from './trainer.ts';
import { openWorkspace, topics, type Workspace } from './workspace.ts';

const program = await findVersitygw();
if (!program) process.stderr.write(`skipped: jobs that train in S3: ${howToGetIt}\n`);

const space = {
  'learning-rate': { min: 1e-4, max: 0.05, scale: 'log' },
  rank: { min: 1, max: 8, type: 'int' },
  'rs-lora': { choices: [true, false] },
};
const settings = ['--task', 'classification', '--base', 'tiny', '--epochs', '2', '--threads', '1'];
const job = ['submit', '--queue', 'gpu', '--definition', 'trainer', '--json'];

let workspace: Workspace;
let batch: BatchServer;
let s3: S3Server | undefined;
let bucket: string;

const run = (args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Ran> =>
  startTrainer(args, { cwd: workspace.folder, env: { ...s3?.env, ...batch.env, ...env } }).ended;
/** The one line that a failing command says, among what the SDK warns of on older Nodes. */
const errorOf = ({ stderr }: Ran) => /^error: (.+)$/m.exec(stderr)?.[1];

beforeAll(async () => {
  workspace = await openWorkspace();
  batch = await startBatchServer();
  await workspace.write('space.json', JSON.stringify(space));
  await workspace.write('twice.jsonl', '{"out": "s3://bkt/one/"}\n\n{"out": "s3://bkt/one"}\n');
  await workspace.write('bad.jsonl', '{"out": "s3://bkt/one"}\n{"out": "s3://bkt/two", "rank": 0}\n');
  await workspace.write('unknown.jsonl', '{"out": "s3://bkt/one", "rnak": 4}\n');
  if (program) {
    s3 = await startVersitygw(program);
    bucket = await s3.bucket('veneer');
  }
});
beforeEach(() => {
  batch.submitted.length = 0;
  batch.answers = {};
});
afterAll(async () => {
  await s3?.stop();
  await batch.stop();
  await workspace.remove();
});

describe('refused before anything is asked for or written', () => {
  const train = ['train', ...settings, '--data', 's3://bkt/data'];
  const whole = [...train, '--out', 's3://bkt/runs/a'];
  test.each<[what: string, options: string[], behind: string[], message: RegExp]>([
    [
      'a store here',
      ['--store', 'file:.veneer'],
      whole,
      /^--store file:.veneer: a job is on another machine/,
    ],
    ['no command', [], [], /^say what is to be done behind two dashes: submit --queue Q ... -- train ...$/],
    ['another command', [], ['serve'], /^say what is to be done behind two dashes/],
    [
      'an unknown option',
      [],
      [...whole, '--rnak', '4'],
      /^train: unknown option '--rnak' .* \(see train --help\)$/,
    ],
    ['no --out', [], train, /^train: required option '--out <directory>' not specified/],
    [
      'a number out of range',
      [],
      [...whole, '--rank', '65'],
      /^train: option '--rank <n>' argument '65' is invalid/,
    ],
    [
      'data here',
      [],
      [...whole, '--data', 'rows.csv'],
      /^train: --data rows.csv is on this machine, the job is on/,
    ],
    ['an out here', [], [...train, '--out', 'run'], /^train: --out run is on this machine/],
    [
      'an eval file here',
      [],
      [...whole, '--eval-data', './dev.csv'],
      /^train: --eval-data .\/dev.csv is on this/,
    ],
    ['a run here', [], [...whole, '--from', 'run'], /^train: --from run is on this machine/],
    [
      'label names here',
      [],
      [...whole, '--label-names', 'names.txt'],
      /^train: --label-names names.txt is on this/,
    ],
    [
      'weights here',
      [],
      [...whole, '--class-weights', 'w.json'],
      /^train: --class-weights w.json is on this/,
    ],
    [
      'a log on its disk',
      [],
      [...whole, '--log-dir', 'logs'],
      /^train: --log-dir is on a disk that ends with/,
    ],
    [
      'a store of its own',
      [],
      [...whole, '--store=s3://c'],
      /^train: --store is not of a run: submit decides it$/,
    ],
    ['--resume', [], [...whole, '--resume'], /^train: --resume is not of a run/],
    [
      'both lists',
      ['--runs', 'twice.jsonl', '--space', 'space.json'],
      whole,
      /^--runs and --space are two ways/,
    ],
    [
      'a place twice',
      ['--runs', 'twice.jsonl'],
      train,
      /^twice.jsonl:3: --out s3:\/\/bkt\/one is that of twice.jsonl:1 too$/,
    ],
    [
      'a bad line',
      ['--runs', 'bad.jsonl'],
      train,
      /^bad.jsonl:2: option '--rank <n>' argument '0' is invalid/,
    ],
    ['an unknown name', ['--runs', 'unknown.jsonl'], train, /^unknown.jsonl:1: unknown option '--rnak'/],
    ['a bad name', ['--name', 'a b'], whole, /^option '--name <name>' argument 'a b' is invalid/],
    // biome-ignore format: a table
  ])('%s', async (_what, options, behind, message) => {
    const ran = await run([...job, '--store', 's3://none', ...options, '--', ...behind]);
    expect(errorOf(ran)).toMatch(message);
    expect(ran.code).toBe(2);
    expect(batch.submitted).toEqual([]);
  });
});

test('what is drawn of a space is what a search begins with', async () => {
  await workspace.write('rows.csv', topics);
  const args = [...settings, '--data', 'rows.csv', '--eval-data', 'topics.csv', '--seed', '11'];
  const searched = resultOf(
    await workspace.run(
      'search',
      '--space',
      'space.json',
      ...args,
      '--trials',
      '3',
      '--out',
      'search',
      '--json',
    ),
  ) as { trials: { trial: number; settings: object }[] };
  const drawn = searched.trials.sort((a, b) => a.trial - b.trial).map(trial => trial.settings);
  expect(sampleSettings(parseSpace(space, 'space'), { trials: 3, seed: 11 })).toEqual(drawn);
});

test('a small space gives each of its settings once', () => {
  const small = parseSpace({ rank: { choices: [1, 2] }, 'rs-lora': { choices: [true, false] } }, 'space');
  const drawn = sampleSettings(small, { trials: 20, seed: 1 }).map(each => JSON.stringify(each));
  expect(new Set(drawn).size).toBe(4);
  expect(drawn).toHaveLength(4);
});

describe.skipIf(!program)('with S3', () => {
  const store = () => `s3://${bucket}/store`;
  const inBucket = (key: string) => `s3://${bucket}/${key}`;
  const submit = (...args: string[]) => run([...job, '--store', store(), ...args]);
  /** A part of the last job, on a machine of its own, as Batch starts the container's entry point. */
  async function part(index: number | undefined): Promise<Ran> {
    const { command } = batch.submitted.at(-1)!.containerOverrides;
    const disk = workspace.path(`disk-${index}`);
    await mkdir(disk, { recursive: true });
    const env = { VENEER_CACHE_DIR: `${disk}/cache`, TMPDIR: disk };
    return run(command, index === undefined ? env : { ...env, AWS_BATCH_JOB_ARRAY_INDEX: String(index) });
  }
  const fileOf = async (key: string) =>
    (await openS3Store({ bucket, prefix: '', anyKey: true }).get(key))?.bytes;

  beforeAll(async () => {
    Object.assign(process.env, s3!.env);
    resultOf(await run(['pull-base', 'tiny', '--store', store(), '--json']));
    const data = openS3Store({ bucket, prefix: 'data', anyKey: false });
    await data.put('topics/train.csv', Buffer.from(topics));
    await data.put('topics/dev.csv', Buffer.from(topics));
  });
  const train = () => ['train', ...settings, '--data', inBucket('data/topics')];

  test('a base that is not there is told of before a machine starts', async () => {
    const ran = await submit('--', ...train(), '--out', inBucket('runs/a'), '--base', 'other');
    expect(errorOf(ran)).toMatch(/base other/);
    expect(batch.submitted).toEqual([]);
  });

  test('one adapter: a job without parts, which trains what `train` trains here', async () => {
    const out = inBucket('runs/one');
    const submitted = resultOf(await submit('--name', 'one', '--', ...train(), '--out', out, '--seed', '5'));
    expect(submitted).toMatchObject({ job: 'job-1', name: 'one', runs: 1, out: [out] });
    expect(batch.submitted).toEqual([
      {
        jobName: 'one',
        jobQueue: 'gpu',
        jobDefinition: 'trainer',
        containerOverrides: { command: ['run-job', submitted.plan, '--store', store()] },
      },
    ]);
    expect((await part(undefined)).code).toBe(0);
    const here = ['train', ...settings, '--data', 'topics.csv', '--eval-data', 'topics.csv', '--seed', '5'];
    resultOf(await workspace.run(...here, '--out', 'one', '--json'));
    expect(Buffer.from((await fileOf('runs/one/adapter.safetensors'))!)).toEqual(
      await readFile(workspace.path('one/adapter.safetensors')),
    );
  });

  test('an array: a part a line, with the options that all have in common', async () => {
    const lines = [1, 2, 3].map(rank => JSON.stringify({ rank, out: inBucket(`runs/ranks/r${rank}`) }));
    await workspace.write('ranks.jsonl', `${lines.join('\n')}\n`);
    resultOf(await submit('--runs', 'ranks.jsonl', '--', ...train(), '--out', 's3://bkt/unused'));
    expect(batch.submitted[0]!.arrayProperties).toEqual({ size: 3 });
    expect(batch.submitted[0]!.jobName).toMatch(/^train-[0-9a-f]{12}$/);
    for (const index of [2, 0]) expect((await part(index)).code).toBe(0);
    for (const rank of [1, 3]) {
      const manifest = JSON.parse(
        Buffer.from((await fileOf(`runs/ranks/r${rank}/manifest.json`))!).toString(),
      );
      expect(manifest.lora.rank).toBe(rank);
    }
    expect(await fileOf('runs/ranks/r2/manifest.json')).toBeUndefined();
    expect((await part(3)).code).toBe(2);
    const ranking = resultOf(await run(['collect', inBucket('runs/ranks'), '--json'])) as unknown as Ranking;
    expect(ranking.runs.map(({ name }) => name).sort()).toEqual(['r1', 'r3']);
    expect(ranking.runs.every(({ settings }) => 'lora rank' in settings)).toBe(true);
  });

  interface Ranking {
    best: string;
    runs: { name: string; out: string; score?: number; status: string; settings: Record<string, string> }[];
  }

  test('a search: a trial a part, waited for, collected and the best one pushed', async () => {
    const out = inBucket('runs/search/');
    const args = ['--space', 'space.json', '--trials', '3', '--wait', '--poll-seconds', '0.01'];
    const submitted = resultOf(await submit(...args, '--', ...train(), '--out', out, '--seed', '11'));
    const names = ['trial-000', 'trial-001', 'trial-002'];
    expect(submitted).toMatchObject({
      status: 'SUCCEEDED',
      runs: 3,
      out: names.map(name => inBucket(`runs/search/${name}`)),
    });
    // The last machine never came to a manifest.
    for (const index of [0, 1]) expect((await part(index)).code).toBe(0);
    const half = openS3Store({ bucket, prefix: 'runs/search' });
    await half.put('trial-002/checkpoint.safetensors', Buffer.from('half'));
    await half.put('notes.txt', Buffer.from('mine'));
    const ranking = resultOf(await run(['collect', out, '--json'])) as unknown as Ranking;
    expect(ranking.runs.map(({ name }) => name).sort()).toEqual(names);
    expect(ranking.runs.map(({ status }) => status)).toEqual(['finished', 'finished', 'unfinished']);
    const scores = ranking.runs.slice(0, 2).map(({ score }) => score!);
    expect(scores[0]).toBeGreaterThanOrEqual(scores[1]!);
    expect(ranking.best).toBe(ranking.runs[0]!.out);
    const drawn = sampleSettings(parseSpace(space, 'space'), { trials: 3, seed: 11 });
    for (const { name, settings } of ranking.runs.slice(0, 2)) {
      const { learningRate, rank } = drawn[names.indexOf(name)]!;
      expect(settings).toMatchObject({ 'learning rate': String(learningRate), 'lora rank': String(rank) });
    }
    const text = await run(['collect', out]);
    expect(text.stdout).toMatch(
      /^rank {2}run +status +accuracy +settings\n1 +trial-00\d +finished +\d\.\d{4} /,
    );
    expect(text.stdout.split('\n').at(-2)).toBe(`best: ${ranking.best}`);
    const pushed = await run([
      ...['push-adapter', ranking.best, '--store', store(), '--tenant', 'acme', '--name', 'best', '--json'],
    ]);
    expect(resultOf(pushed)).toMatchObject({ name: 'best', alias: 'live' });
  });

  test('a job that fails fails the command that waits for it, naming what failed', async () => {
    batch.answers['/v1/describejobs'] = () => ({
      jobs: [
        {
          jobId: 'job-1',
          status: 'FAILED',
          arrayProperties: { size: 3, statusSummary: { FAILED: 1, SUCCEEDED: 2 } },
        },
      ],
    });
    batch.answers['/v1/listjobs'] = () => ({
      jobSummaryList: [
        {
          ...{ jobId: 'job-1:1', jobName: 'x', arrayProperties: { index: 1 } },
          ...{ statusReason: 'Essential container in task exited', container: { exitCode: 1 } },
        },
      ],
    });
    const args = ['--space', 'space.json', '--trials', '3', '--wait', '--poll-seconds', '0.01'];
    const ran = await submit(...args, '--', ...train(), '--out', inBucket('runs/failing'));
    expect(ran.code).toBe(1);
    expect(errorOf(ran)).toBe(
      `job job-1: 1 of 3 failed: ${inBucket('runs/failing/trial-001')} (exit code 1: Essential container in task exited)`,
    );
    expect(ran.stderr).toContain('job-1: 1 failed, 2 succeeded\n');
  });

  test.each([
    ['nothing', 'runs/nothing', /holds no run: give what stands before their names$/],
    ['a run itself', 'runs/one', /holds no run/],
  ])('collect of %s is refused', async (_what, key, message) => {
    const ran = await run(['collect', inBucket(key)]);
    expect(errorOf(ran)).toMatch(message);
    expect(ran.code).toBe(1);
  });
});
