/** Waiting for a job: asks for it until it is over, and tells whenever something changed. */
import { VeneerError } from '../../functions/error.ts';
import type { FailedPart, JobQueue } from './aws-batch.ts';

export interface Outcome {
  status: 'SUCCEEDED' | 'FAILED';
  failed: FailedPart[];
}

export interface Waiting {
  id: string;
  log(line: string): void;
  /** Between two questions. */
  pause(): Promise<void>;
}

/** A job is not known everywhere in its first moments; after so many questions it is not there. */
const unknownAtMost = 10;

export async function waitForJob(queue: JobQueue, { id, log, pause }: Waiting): Promise<Outcome> {
  let told = '';
  let unknown = 0;
  for (;;) {
    const state = await queue.state(id);
    if (!state && ++unknown === unknownAtMost)
      throw new VeneerError(
        'not_found',
        `AWS Batch knows no job ${id}: it is another region's, or long over`,
      );
    if (state) {
      const line = Object.entries(state.counts)
        .map(([status, count]) => `${count} ${status.toLowerCase()}`)
        .join(', ');
      if (line !== told) log(`${id}: ${line}`);
      told = line;
      if (state.status === 'SUCCEEDED') return { status: state.status, failed: [] };
      if (state.status === 'FAILED') return { status: state.status, failed: await queue.failures(id) };
    }
    await pause();
  }
}
