/** Learning rate schedules: the fraction of the peak rate at a step, after a linear warmup. Pure functions, one a line. */

export interface Span {
  /** Steps over which the rate rises; the first step is not wasted on rate zero. */
  warmup: number;
  /** Steps in all. */
  total: number;
}

/** Fraction of the peak by what part of the steps after warmup is done, 0 up to but not including 1. */
const decays = {
  linear: (done: number) => 1 - done,
  cosine: (done: number) => (1 + Math.cos(Math.PI * done)) / 2,
  constant: () => 1,
} as const satisfies Record<string, (done: number) => number>;

export type ScheduleName = keyof typeof decays;
export const scheduleNames = Object.keys(decays) as ScheduleName[];

/** @param step Counted from 0. */
export function rateFraction(name: ScheduleName, step: number, { warmup, total }: Span): number {
  if (step < warmup) return (step + 1) / warmup;
  return step >= total ? decays[name](1) : decays[name]((step - warmup) / (total - warmup));
}
