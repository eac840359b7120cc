/**
 * One wrapper around each stage of the spine; whoever asks for an answer decides whether and where durations go: to a
 * header, to a histogram, to a span.
 */

export const stages = ['authenticate', 'base', 'adapter', 'tokenize', 'queue', 'run', 'decode'] as const;
export type Stage = (typeof stages)[number];

/** Runs a stage and returns its result. */
export interface Timed {
  async<T>(stage: Stage, work: () => Promise<T>): Promise<T>;
  sync<T>(stage: Stage, work: () => T): T;
}

export const untimed: Timed = {
  async: (_stage, work) => work(),
  sync: (_stage, work) => work(),
};

export interface Stopwatch {
  timed: Timed;
  /** Milliseconds of each stage so far, as the Server-Timing header writes them (https://www.w3.org/TR/server-timing/). */
  header(): string;
}

export interface StopwatchOptions {
  /** Runs the work of a stage, e.g. within a span. */
  within?: Timed | undefined;
  /** Told of each stage at its end, also where it failed. */
  onStage?: ((stage: Stage, ms: number) => void) | undefined;
}

export function startStopwatch({ within = untimed, onStage }: StopwatchOptions = {}): Stopwatch {
  const taken: { stage: Stage; ms: number }[] = [];
  const took = (stage: Stage, started: number) => {
    const ms = performance.now() - started;
    taken.push({ stage, ms });
    onStage?.(stage, ms);
  };
  return {
    timed: {
      async async(stage, work) {
        const started = performance.now();
        try {
          return await within.async(stage, work);
        } finally {
          took(stage, started);
        }
      },
      sync(stage, work) {
        const started = performance.now();
        try {
          return within.sync(stage, work);
        } finally {
          took(stage, started);
        }
      },
    },
    header: () => taken.map(({ stage, ms }) => `${stage};dur=${ms.toFixed(1)}`).join(', '),
  };
}
