/** What a search knows of its trials: a function of the events of its journal, in their order. */
import * as z from 'zod';
import type { Settings } from './space.ts';

const trial = z.number().int().nonnegative();
const rung = z.number().int().nonnegative();

export const SearchEvent = z.discriminatedUnion('kind', [
  /** Drawn; its first run is to the first rung. */
  z.object({
    kind: z.literal('trial'),
    trial,
    settings: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])),
  }),
  /** Gone on with, to this rung. */
  z.object({ kind: z.literal('promoted'), trial, rung }),
  z.object({ kind: z.literal('evaluated'), trial, epoch: z.number(), score: z.number() }),
  /** Stopped at this rung, with a checkpoint. */
  z.object({ kind: z.literal('paused'), trial, rung }),
  /** Trained to its end. `score`: as served, where its method is served. */
  z.object({ kind: z.literal('finished'), trial, score: z.number() }),
  z.object({ kind: z.literal('failed'), trial, error: z.string() }),
]);
export type SearchEvent = z.infer<typeof SearchEvent>;

/** Of its folder, and in the ranking. */
export const trialName = (trial: number) => `trial-${String(trial).padStart(3, '0')}`;

export interface Trial {
  trial: number;
  settings: Settings;
  status: 'running' | 'paused' | 'finished' | 'failed';
  /** That it is on, or on the way to. */
  rung: number;
  /** Best scores up to each rung that it has reached. */
  scores: number[];
  /** Best score so far. */
  best: number | undefined;
  /** Epochs that were evaluated. */
  epochs: number;
  error?: string;
}

/** Changes `trials` by what happened. */
export function apply(trials: Trial[], event: SearchEvent): void {
  if (event.kind === 'trial') {
    const { trial, settings } = event;
    trials[trial] = { trial, settings, status: 'running', rung: 0, scores: [], best: undefined, epochs: 0 };
    return;
  }
  const at = trials[event.trial]!;
  switch (event.kind) {
    case 'promoted':
      Object.assign(at, { status: 'running', rung: event.rung });
      return;
    case 'evaluated':
      at.best = Math.max(at.best ?? event.score, event.score);
      at.epochs = Math.max(at.epochs, event.epoch);
      return;
    case 'paused':
      at.status = 'paused';
      at.scores[event.rung] = at.best!;
      return;
    case 'finished':
      at.status = 'finished';
      at.best = event.score;
      at.scores[at.rung] = event.score;
      return;
    case 'failed':
      at.status = 'failed';
      at.error = event.error;
  }
}

const standing = { finished: 0, paused: 1, running: 1, failed: 2 } as const;

/** Finished ones by score, then those on higher rungs by their score there, then what failed. */
export function ranked(trials: readonly Trial[]): Trial[] {
  const score = ({ best }: Trial) => best ?? Number.NEGATIVE_INFINITY;
  return [...trials].sort(
    (a, b) =>
      standing[a.status] - standing[b.status] ||
      (a.status === 'finished' ? 0 : b.scores.length - a.scores.length) ||
      (score(a) === score(b) ? a.trial - b.trial : score(b) - score(a)),
  );
}
