/** What a training run is at the end of a step: all that the rest of it depends on besides its options and data. */
import type { Metrics } from '../functions/artifacts/manifests.ts';
import { type AdamWState, adamWState } from './optimizer.ts';

export interface FitState {
  values: Float32Array;
  /** `optimizer.steps` is how far the run is. */
  optimizer: AdamWState;
  /** The best parameters by the main metric; undefined before the first evaluation. */
  best: { values: Float32Array; metrics: Metrics; main: number } | undefined;
  /** Evaluations since the best. */
  waited: number;
}

/** @param values Start values; taken over. */
export function freshState(values: Float32Array): FitState {
  return { values, optimizer: adamWState(values.length), best: undefined, waited: 0 };
}
