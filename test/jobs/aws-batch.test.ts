/** The client of AWS Batch, against a server that takes only what the API takes. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openJobQueue } from '../../trainer/jobs/aws-batch.ts';
import { waitForJob } from '../../trainer/jobs/wait.ts';
import { type BatchServer, startBatchServer } from './batch-server.ts';

let server: BatchServer;
const environment = { ...process.env };
const job = { name: 'train-1', queue: 'gpu', definition: 'trainer:3', command: ['run-job', 'a'], size: 1 };

beforeEach(async () => {
  server = await startBatchServer();
  Object.assign(process.env, server.env);
});
afterEach(async () => {
  for (const name of Object.keys(process.env)) if (!(name in environment)) delete process.env[name];
  Object.assign(process.env, environment);
  await server.stop();
});

describe('submitting', () => {
  it('sends one job without parts, and returns its id', async () => {
    expect(await (await openJobQueue()).submit(job)).toBe('job-1');
    expect(server.submitted).toEqual([
      {
        jobName: 'train-1',
        jobQueue: 'gpu',
        jobDefinition: 'trainer:3',
        containerOverrides: { command: ['run-job', 'a'] },
      },
    ]);
  });

  it.each([2, 10_000])('sends an array of %i parts', async size => {
    await (await openJobQueue()).submit({ ...job, size });
    expect(server.submitted[0]!.arrayProperties).toEqual({ size });
  });

  it.each<[status: number, error: string, code: string, message: RegExp]>([
    [400, 'ClientException', 'invalid_request', /submitting to gpu: refused: JobQueue gpu does not exist$/],
    [
      403,
      'AccessDeniedException',
      'forbidden',
      /refused \(AccessDeniedException\): these credentials may not/,
    ],
    [418, 'TeapotException', 'unavailable', /answered 418 \(TeapotException\): try again$/],
  ])('says in one line what %i %s means', async (status, error, code, message) => {
    server.answers['/v1/submitjob'] = () => ({ status, error, message: 'JobQueue gpu\n does not exist' });
    const queue = await openJobQueue();
    await expect(queue.submit(job)).rejects.toMatchObject({ code, message: expect.stringMatching(message) });
    await expect(queue.submit(job)).rejects.toThrow(/^[^\n]+$/);
  });

  it('tries again where Batch has too much to do', async () => {
    let asked = 0;
    server.answers['/v1/submitjob'] = () =>
      asked++ === 0
        ? { status: 429, error: 'TooManyRequestsException', message: 'later' }
        : { jobId: 'job-2', jobName: 'train-1' };
    expect(await (await openJobQueue()).submit(job)).toBe('job-2');
    expect(server.submitted).toHaveLength(1);
  });

  it('says that it cannot be reached, and that a region is missing', async () => {
    await server.stop();
    const refusal = {
      code: 'unavailable',
      message: expect.stringMatching(/cannot be reached \(ECONNREFUSED\)/),
    };
    await expect((await openJobQueue()).submit(job)).rejects.toMatchObject(refusal);
    server = await startBatchServer();
    delete process.env.AWS_REGION;
    process.env.AWS_CONFIG_FILE = 'no-such-file';
    await expect((await openJobQueue()).submit(job)).rejects.toMatchObject({
      code: 'usage',
      message: expect.stringContaining('no AWS region is set: set AWS_REGION'),
    });
  });
});

describe('waiting', () => {
  /** The answers of DescribeJobs, one after another, the last one for ever. */
  function described(...states: object[]): void {
    server.answers['/v1/describejobs'] = () => {
      const [state] = states.length > 1 ? states.splice(0, 1) : states;
      return { jobs: [{ jobId: 'job-1', ...state }] };
    };
  }
  async function wait() {
    const lines: string[] = [];
    let pauses = 0;
    const outcome = await waitForJob(await openJobQueue(), {
      id: 'job-1',
      log: line => lines.push(line),
      pause: async () => {
        pauses++;
      },
    });
    return { outcome, lines, pauses };
  }

  it('tells each change once, until the job is over', async () => {
    described(
      { status: 'SUBMITTED' },
      { status: 'RUNNABLE' },
      { status: 'RUNNABLE' },
      { status: 'RUNNING' },
      { status: 'SUCCEEDED' },
    );
    const { outcome, lines, pauses } = await wait();
    expect(outcome).toEqual({ status: 'SUCCEEDED', failed: [] });
    expect(lines).toEqual(
      ['1 submitted', '1 runnable', '1 running', '1 succeeded'].map(line => `job-1: ${line}`),
    );
    expect(pauses).toBe(4);
  });

  it('counts the parts of an array, and names those that failed, over pages', async () => {
    const array = (status: string, statusSummary: Record<string, number>) => ({
      status,
      arrayProperties: { size: 4, statusSummary },
    });
    described(
      array('PENDING', { SUBMITTED: 0, RUNNING: 3, SUCCEEDED: 1, FAILED: 0 }),
      array('FAILED', { SUCCEEDED: 2, FAILED: 2 }),
    );
    const part = (index: number, more: object) => ({
      ...{ jobId: `job-1:${index}`, jobName: 'train', arrayProperties: { index }, ...more },
    });
    server.answers['/v1/listjobs'] = ({ nextToken }) =>
      nextToken === undefined
        ? {
            jobSummaryList: [part(3, { statusReason: 'Host EC2 (instance i-1) terminated.' })],
            nextToken: 'more',
          }
        : {
            jobSummaryList: [
              part(1, { statusReason: 'Essential container in task exited', container: { exitCode: 1 } }),
            ],
          };
    const { outcome, lines } = await wait();
    expect(lines).toEqual(['job-1: 3 running, 1 succeeded', 'job-1: 2 succeeded, 2 failed']);
    expect(outcome).toEqual({
      status: 'FAILED',
      failed: [
        { index: 1, reason: 'exit code 1: Essential container in task exited' },
        { index: 3, reason: 'Host EC2 (instance i-1) terminated.' },
      ],
    });
  });

  it('says why a job without parts failed', async () => {
    described({ status: 'FAILED', statusReason: 'Task failed to start', container: {} });
    expect((await wait()).outcome.failed).toEqual([{ index: 0, reason: 'Task failed to start' }]);
  });

  it('has patience with a job that is not known yet, and not for ever', async () => {
    let asked = 0;
    server.answers['/v1/describejobs'] = () =>
      asked++ < 9 ? { jobs: [] } : { jobs: [{ jobId: 'job-1', status: 'SUCCEEDED' }] };
    expect((await wait()).outcome.status).toBe('SUCCEEDED');
    server.answers['/v1/describejobs'] = () => ({ jobs: [] });
    await expect(wait()).rejects.toMatchObject({
      code: 'not_found',
      message: expect.stringContaining('job-1'),
    });
  });
});
