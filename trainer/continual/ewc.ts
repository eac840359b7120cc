/**
 * Elastic weight consolidation (https://arxiv.org/abs/1612.00796): a quadratic pull back to where the run began, parameter by
 * parameter as strong as the Fisher information of the data of before. After several runs their Fishers are added up and the
 * pull is to the newest values (https://arxiv.org/abs/1712.03847), so that a run keeps one anchor and one Fisher.
 */
import type { Penalty } from '../penalty.ts';

interface EwcArguments {
  /** Where the run began. */
  anchor: Float32Array;
  /** Diagonal; 0 where a parameter is new. */
  fisher: Float32Array;
  lambda: number;
}

/** lambda / 2 * sum of fisher * (value - anchor)^2. */
export function ewcPenalty({ anchor, fisher, lambda }: EwcArguments): Penalty {
  return {
    add(values, gradient) {
      let sum = 0;
      for (let i = 0; i < values.length; i++) {
        const away = values[i]! - anchor[i]!;
        const pull = fisher[i]! * away;
        gradient[i]! += lambda * pull;
        sum += pull * away;
      }
      return (lambda / 2) * sum;
    },
  };
}
