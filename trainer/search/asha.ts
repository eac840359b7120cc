/**
 * Asynchronous successive halving (ASHA, https://arxiv.org/abs/1810.05934): which trial runs next and how far, as a pure
 * function of what is known of the trials. A trial stops at each rung; the best 1 / eta of a rung go on to the next.
 */
import { ranked, type Trial } from './trials.ts';

export interface Ladder {
  /** Epochs of each rung, the last one a whole training. */
  rungs: readonly number[];
  eta: number;
}

export function ladderOf({
  epochs,
  minEpochs,
  eta,
}: {
  epochs: number;
  minEpochs: number;
  eta: number;
}): Ladder {
  const rungs: number[] = [];
  for (let at = minEpochs; at < epochs; at *= eta) rungs.push(at);
  return { rungs: [...rungs, epochs], eta };
}

export type Job = { kind: 'promote'; trial: number; rung: number } | { kind: 'draw' };

/**
 * The paper promotes whatever is in the best 1 / eta at the moment. Where the sampler learns, that keeps happening to the
 * newest trial, so here no more than 1 / eta of a rung go on, and once nothing more can come, its best in any case.
 * @param limit Trials in all. @returns undefined where there is nothing to do before something that runs has ended.
 */
export function nextJob(trials: readonly Trial[], { rungs, eta }: Ladder, limit: number): Job | undefined {
  const isLast = trials.length >= limit && trials.every(({ status }) => status !== 'running');
  const below = Array.from({ length: rungs.length - 1 }, (_, rung) => rung);
  // The last ones come up from below, so that one of them goes on from each rung.
  for (const rung of isLast ? below : below.reverse()) {
    const there = trials.filter(({ scores, status }) => scores[rung] !== undefined && status !== 'failed');
    there.sort((a, b) => b.scores[rung]! - a.scores[rung]! || a.trial - b.trial);
    const quota = Math.floor(there.length / eta);
    const isFull = there.filter(trial => trial.rung > rung).length >= quota;
    const next = there
      .slice(0, isFull ? Number(isLast) : quota)
      .find(trial => trial.status === 'paused' && trial.rung === rung);
    if (next) return { kind: 'promote', trial: next.trial, rung: rung + 1 };
  }
  return trials.length < limit ? { kind: 'draw' } : undefined;
}

/** What the sampler learns from, the best first: trials that came to a score, and then those that failed. */
export function lessons(trials: readonly Trial[]): Trial[] {
  return ranked(trials).filter(({ scores, status }) => scores.length > 0 || status === 'failed');
}
