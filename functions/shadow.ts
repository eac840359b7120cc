/**
 * Runs a candidate beside what was answered already and says where they disagree. One at a time and after the answer went
 * out; what does not fit the short queue is dropped. Whatever happens here, no answer waits for it or fails by it.
 */
import type { TaskName } from './artifacts/names.ts';
import { agreementOf } from './tasks/agreement.ts';

/** Which adapter, and which two versions of it. */
export interface ShadowedVersions {
  tenant: string;
  name: string;
  task: TaskName;
  /** Digests of what answered and of what is compared with it. */
  live: string;
  candidate: string;
}

export interface ShadowedRequest extends ShadowedVersions {
  /** What was answered, an output an input. */
  outputs: readonly unknown[];
  /** What the candidate says to the same inputs. */
  ask(): Promise<readonly unknown[]>;
}

/** Never a text: numbers and names only. */
export interface Comparison extends ShadowedVersions {
  agree: boolean;
  inputs: number;
  /** Inputs on which the two disagree. */
  differing: number;
  /** The largest among the inputs. */
  scoreDifference: number;
}

/** Requests, since the process began. */
export interface ShadowCounts {
  compared: number;
  disagreed: number;
  failed: number;
  /** Not compared, since too many waited. */
  dropped: number;
  /** Of what was compared; a regression gives nothing but this to tell two versions apart. */
  scoreDifferenceTotal: number;
}

export interface Shadows {
  /** Returns at once and never throws. */
  compare(request: ShadowedRequest): void;
  counts(): ShadowCounts;
  /** Drops what waits, and resolves when nothing runs any more. */
  close(): Promise<void>;
}

export interface ShadowsOptions {
  /** Requests that may wait, each with its texts; 0 turns shadows off. */
  maxWaiting: number;
  onDisagreement(comparison: Comparison): void;
  onFailure(error: unknown): void;
}

export function openShadows({ maxWaiting, onDisagreement, onFailure }: ShadowsOptions): Shadows {
  const waiting: ShadowedRequest[] = [];
  const counts: ShadowCounts = { compared: 0, disagreed: 0, failed: 0, dropped: 0, scoreDifferenceTotal: 0 };
  let running: Promise<void> | undefined;
  let closed = false;

  const work = async () => {
    for (;;) {
      // A turn of the event loop first, in which answers that are ready are sent.
      await new Promise(resolve => setImmediate(resolve));
      const request = waiting.shift();
      if (!request) break;
      try {
        const comparison = compared(request, await request.ask());
        counts.compared++;
        counts.scoreDifferenceTotal += comparison.scoreDifference;
        if (comparison.agree) continue;
        counts.disagreed++;
        onDisagreement(comparison);
      } catch (error) {
        counts.failed++;
        onFailure(error);
      }
    }
    running = undefined;
  };

  return {
    compare(request) {
      if (closed || waiting.length >= maxWaiting) {
        counts.dropped++;
        return;
      }
      waiting.push(request);
      running ??= work();
    },
    counts: () => ({ ...counts }),
    async close() {
      closed = true;
      counts.dropped += waiting.splice(0).length;
      await running;
    },
  };
}

function compared(
  { outputs, ask: _ask, ...versions }: ShadowedRequest,
  others: readonly unknown[],
): Comparison {
  const each = outputs.map((output, i) => agreementOf(versions.task, output, others[i]));
  const differing = each.filter(({ agree }) => !agree).length;
  return {
    ...versions,
    agree: differing === 0,
    inputs: outputs.length,
    differing,
    scoreDifference: Math.max(0, ...each.map(({ scoreDifference }) => scoreDifference)),
  };
}
