/**
 * AWS Batch as far as `trainer submit` asks it, on 127.0.0.1: requests must have the shapes of the API reference
 * (docs.aws.amazon.com/batch/latest/APIReference), and what it answers is what a test says.
 */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import * as z from 'zod';

const name = z.string().regex(/^[A-Za-z0-9][\w-]{0,127}$/);

/** Strict: a field that the API does not have is a mistake. */
const SubmitJob = z.strictObject({
  jobName: name,
  jobQueue: z.string().min(1),
  jobDefinition: z.string().min(1),
  containerOverrides: z.strictObject({ command: z.array(z.string()) }),
  arrayProperties: z.strictObject({ size: z.number().int().min(2).max(10_000) }).optional(),
});
const requests = {
  '/v1/submitjob': SubmitJob,
  '/v1/describejobs': z.strictObject({ jobs: z.array(z.string()).min(1).max(100) }),
  '/v1/listjobs': z.strictObject({
    arrayJobId: z.string(),
    jobStatus: z.literal('FAILED'),
    nextToken: z.string().optional(),
  }),
};
type Path = keyof typeof requests;
/** All of a job's overrides together. */
const maxOverrideBytes = 8192;

export type SubmittedJob = z.infer<typeof SubmitJob>;
export type Answer = object | { status: number; error: string; message: string };

export interface BatchServer {
  env: Record<string, string>;
  submitted: SubmittedJob[];
  /** For each request; what a test leaves out is answered as for a job that succeeds at once. */
  answers: Partial<Record<Path, (body: Record<string, unknown>) => Answer>>;
  stop(): Promise<void>;
}

export async function startBatchServer(): Promise<BatchServer> {
  const submitted: SubmittedJob[] = [];
  const server = createServer(async (request, response) => {
    let text = '';
    for await (const piece of request.setEncoding('utf8')) text += piece;
    const send = (status: number, body: object, headers = {}) =>
      response
        .writeHead(status, { 'content-type': 'application/json', ...headers })
        .end(JSON.stringify(body));
    const refuse = (status: number, error: string, message: string) =>
      send(status, { message }, { 'x-amzn-errortype': error });
    const { authorization = '' } = request.headers;
    if (!/^AWS4-HMAC-SHA256 Credential=test-access\/\d{8}\/us-east-1\/batch\//.test(authorization))
      return refuse(403, 'AccessDeniedException', 'not signed for batch');
    const path = request.url as Path;
    const parsed = requests[path]?.safeParse(JSON.parse(text));
    if (request.method !== 'POST' || !parsed?.success)
      return refuse(400, 'ClientException', `${request.method} ${path}: ${parsed?.error?.message}`);
    const body = parsed.data as Record<string, unknown>;
    if (path === '/v1/submitjob') {
      const overrides = Buffer.byteLength(JSON.stringify(body.containerOverrides));
      if (overrides > maxOverrideBytes) return refuse(400, 'ClientException', 'Container Overrides length');
    }
    const answer = batch.answers[path]?.(body) ?? usual(path, body);
    if ('error' in answer && 'status' in answer)
      return refuse(
        Number(answer.status),
        String(answer.error),
        String((answer as Record<string, unknown>).message),
      );
    if (path === '/v1/submitjob') submitted.push(body as SubmittedJob);
    return send(200, answer);
  });
  await new Promise<void>(done => server.listen(0, '127.0.0.1', done));
  const batch: BatchServer = {
    env: {
      AWS_ENDPOINT_URL_BATCH: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
      AWS_REGION: 'us-east-1',
      AWS_ACCESS_KEY_ID: 'test-access',
      AWS_SECRET_ACCESS_KEY: 'test-secret',
      AWS_EC2_METADATA_DISABLED: 'true',
    },
    submitted,
    answers: {},
    async stop() {
      server.closeAllConnections();
      await new Promise(done => server.close(done));
    },
  };
  return batch;
}

function usual(path: Path, body: Record<string, unknown>): object {
  if (path === '/v1/submitjob')
    return { jobId: 'job-1', jobName: body.jobName, jobArn: 'arn:aws:batch:us-east-1:1:job/job-1' };
  if (path === '/v1/describejobs') return { jobs: [{ jobId: 'job-1', status: 'SUCCEEDED' }] };
  return { jobSummaryList: [] };
}
