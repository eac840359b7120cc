/**
 * AWS Batch: the only file that imports its client. Region, endpoint and credentials come the SDK's usual way. Its errors
 * leave here as one line.
 */
import type { BatchClient, JobDetail } from '@aws-sdk/client-batch';
import { VeneerError } from '../../functions/error.ts';

export interface JobRequest {
  name: string;
  /** Name or ARN. */
  queue: string;
  /** Name, `name:revision` or ARN. */
  definition: string;
  /** What the container is told, behind its entry point. */
  command: string[];
  /** Parts, which find their number in AWS_BATCH_JOB_ARRAY_INDEX; 1 is a job without parts. */
  size: number;
}

export interface JobState {
  status: string;
  /** Parts by status; of a job without parts, itself. */
  counts: Record<string, number>;
}

export interface FailedPart {
  index: number;
  reason: string;
}

export interface JobQueue {
  submit(job: JobRequest): Promise<string>;
  /** Undefined where Batch does not know the job, as in the first moments. */
  state(id: string): Promise<JobState | undefined>;
  failures(id: string): Promise<FailedPart[]>;
}

/** The client is loaded only here: no other command needs it. */
export async function openJobQueue(): Promise<JobQueue> {
  const sdk = await import('@aws-sdk/client-batch');
  const client: BatchClient = new sdk.BatchClient({ maxAttempts: 5 });
  const asked = <T>(doing: string, answer: Promise<T>) =>
    answer.catch((error): never => {
      throw translate(error, doing);
    });
  const detailOf = async (id: string): Promise<JobDetail | undefined> => {
    const command = new sdk.DescribeJobsCommand({ jobs: [id] });
    return (await asked(`asking for job ${id}`, client.send(command))).jobs?.[0];
  };
  return {
    async submit({ name, queue, definition, command, size }) {
      const submitted = await asked(
        `submitting to ${queue}`,
        client.send(
          new sdk.SubmitJobCommand({
            jobName: name,
            jobQueue: queue,
            jobDefinition: definition,
            containerOverrides: { command },
            // Batch wants two parts at least.
            ...(size > 1 ? { arrayProperties: { size } } : {}),
          }),
        ),
      );
      return submitted.jobId!;
    },

    async state(id) {
      const job = await detailOf(id);
      if (!job) return undefined;
      const counts = job.arrayProperties?.statusSummary ?? { [job.status!]: 1 };
      return {
        status: job.status!,
        counts: Object.fromEntries(Object.entries(counts).filter(([, count]) => count > 0)),
      };
    },

    async failures(id) {
      const job = await detailOf(id);
      if (job?.arrayProperties?.size === undefined)
        return job ? [{ index: 0, reason: reasonOf(job, job.container?.exitCode) }] : [];
      const failed: FailedPart[] = [];
      const pages = sdk.paginateListJobs({ client }, { arrayJobId: id, jobStatus: 'FAILED' });
      const read = async () => {
        for await (const { jobSummaryList = [] } of pages)
          for (const part of jobSummaryList)
            failed.push({
              index: part.arrayProperties?.index ?? 0,
              reason: reasonOf(part, part.container?.exitCode),
            });
      };
      await asked(`asking for the parts of job ${id}`, read());
      return failed.sort((a, b) => a.index - b.index);
    },
  };
}

function reasonOf(
  { statusReason = 'no reason given' }: { statusReason?: string },
  exitCode?: number,
): string {
  return exitCode === undefined ? statusReason : `exit code ${exitCode}: ${statusReason}`;
}

interface SdkError {
  name?: string;
  message?: string;
  code?: string;
  $metadata?: { httpStatusCode?: number };
}

/** Only a ClientException's message is shown: it says which queue or definition is not there. */
function translate(thrown: unknown, doing: string): VeneerError {
  const { name = 'Error', message = '', code, $metadata } = thrown as SdkError;
  const status = $metadata?.httpStatusCode;
  const where = `AWS Batch, ${doing}`;
  if (name === 'CredentialsProviderError' || name === 'TokenProviderError')
    return new VeneerError(
      'forbidden',
      `${where}: no AWS credentials found: set AWS_PROFILE or AWS_ACCESS_KEY_ID`,
    );
  if (message.startsWith('Region is missing'))
    return new VeneerError('usage', `${where}: no AWS region is set: set AWS_REGION`);
  if (status === 401 || status === 403)
    return new VeneerError('forbidden', `${where}: refused (${name}): these credentials may not do this`);
  if (name === 'ClientException')
    return new VeneerError('invalid_request', `${where}: refused: ${message.replace(/\s+/g, ' ')}`);
  if (status === undefined)
    return new VeneerError('unavailable', `${where}: cannot be reached (${code ?? name}): check the network`);
  return new VeneerError('unavailable', `${where}: answered ${status} (${name}): try again`);
}
