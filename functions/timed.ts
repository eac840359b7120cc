/** One wrapper around each stage of the spine; whoever asks for an answer decides whether and where durations go. */

export type Stage = 'base' | 'adapter' | 'tokenize' | 'run' | 'decode';

/** Runs a stage and returns its result. */
export type Timed = <T>(stage: Stage, work: () => Promise<T>) => Promise<T>;

export const untimed: Timed = (_stage, work) => work();

export interface Stopwatch {
  timed: Timed;
  /** Milliseconds of each stage so far, as the Server-Timing header writes them (https://www.w3.org/TR/server-timing/). */
  header(): string;
}

export function startStopwatch(): Stopwatch {
  const stages = new Map<Stage, number>();
  return {
    async timed(stage, work) {
      const started = performance.now();
      try {
        return await work();
      } finally {
        stages.set(stage, (stages.get(stage) ?? 0) + performance.now() - started);
      }
    },
    header: () => Array.from(stages, ([stage, ms]) => `${stage};dur=${ms.toFixed(1)}`).join(', '),
  };
}
