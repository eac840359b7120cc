/**
 * O-LoRA (https://arxiv.org/abs/2310.14152): a task gets a LoRA pair of its own, whose A is kept orthogonal to the A of the
 * tasks before, and all that was learned before stays. The pairs are one of a larger rank, [A old; A new] and [B old, B new],
 * so that what is served is their sum.
 */
import type { Layout } from '../parameters.ts';
import type { Penalty } from '../penalty.ts';

/** One layer's A [rows, width] in the flat vector: the first `old` rows are of before. */
export interface GrownPair {
  offset: number;
  rows: number;
  old: number;
  width: number;
}

interface OrthogonalArguments {
  pairs: readonly GrownPair[];
  /** Where the run began. */
  start: Float32Array;
  /** 1 where a value is of before. */
  inherited: Uint8Array;
  lambda: number;
}

export function grownPairs(
  layout: Layout,
  before: ReadonlyMap<string, { shape: readonly number[] }>,
): GrownPair[] {
  return layout.parameters.flatMap(({ name, shape, offset }) => {
    const old = before.get(name)?.shape[0];
    if (!/\.lora_A(\.|$)/.test(name) || old === undefined) return [];
    return [{ offset, rows: shape[0]!, old, width: shape[1]! }];
  });
}

/** lambda * sum over the layers of |A new (A old)'|^2; its gradient to A new is 2 lambda (A new (A old)') A old. */
export function orthogonalPenalty({ pairs, start, inherited, lambda }: OrthogonalArguments): Penalty {
  return {
    add(values, gradient) {
      for (let i = 0; i < gradient.length; i++) if (inherited[i]) gradient[i] = 0;
      let sum = 0;
      for (const { offset, rows, old, width } of pairs)
        for (let row = old; row < rows; row++)
          for (let other = 0; other < old; other++) {
            const [own, fixed] = [offset + row * width, offset + other * width];
            let product = 0;
            for (let i = 0; i < width; i++) product += values[own + i]! * values[fixed + i]!;
            sum += product * product;
            for (let i = 0; i < width; i++) gradient[own + i]! += 2 * lambda * product * values[fixed + i]!;
          }
      return lambda * sum;
    },
    // Weight decay moves what has no gradient too.
    settle(values) {
      for (let i = 0; i < values.length; i++) if (inherited[i]) values[i] = start[i]!;
    },
  };
}
