/** Settings of trials that learn nothing of each other, since all of them run at once: those a search would begin with. */
import { uniform } from '../random.ts';
import type { Settings, Space } from './space.ts';
import { suggest } from './tpe.ts';

/** Stream of the random generator. */
const searchStream = 4;

/** The numbers that a trial's settings are drawn by, one after another. */
export function draw({ seed, trial, draw }: { seed: number; trial: number; draw: number }): number {
  return uniform({ seed, stream: searchStream }, trial, draw);
}

/** Fewer than `trials`, where the space has no more. */
export function sampleSettings(space: Space, { trials, seed }: { trials: number; seed: number }): Settings[] {
  const tried: Settings[] = [];
  while (tried.length < trials) {
    let draws = 0;
    const settings = suggest(space, { ranked: [], tried }, () =>
      draw({ seed, trial: tried.length, draw: draws++ }),
    );
    if (!settings) break;
    tried.push(settings);
  }
  return tried;
}
