/** AdamW, gradient clipping and the learning rate schedule over flat vectors. Pure arithmetic. */
import type { Layout } from './parameters.ts';

export interface AdamWState {
  /** Steps taken. */
  steps: number;
  /** First and second moment. */
  m: Float32Array;
  v: Float32Array;
}

const [beta1, beta2, epsilon] = [0.9, 0.999, 1e-8];

export function adamWState(size: number): AdamWState {
  return { steps: 0, m: new Float32Array(size), v: new Float32Array(size) };
}

/**
 * One AdamW step in place (decoupled weight decay, bias-corrected; https://arxiv.org/abs/1711.05101, as torch.optim.AdamW).
 */
export function adamW(
  {
    layout,
    values,
    gradient,
    state,
  }: { layout: Layout; values: Float32Array; gradient: Float32Array; state: AdamWState },
  { learningRate, weightDecay }: { learningRate: number; weightDecay: number },
): void {
  state.steps++;
  const correction1 = 1 - beta1 ** state.steps;
  const correction2 = Math.sqrt(1 - beta2 ** state.steps);
  const { m, v } = state;
  for (const { offset, size, decay } of layout.parameters) {
    const keep = decay ? 1 - learningRate * weightDecay : 1;
    for (let i = offset; i < offset + size; i++) {
      const g = gradient[i]!;
      m[i] = beta1 * m[i]! + (1 - beta1) * g;
      v[i] = beta2 * v[i]! + (1 - beta2) * g * g;
      const denominator = Math.sqrt(v[i]!) / correction2 + epsilon;
      values[i] = values[i]! * keep - (learningRate * m[i]!) / (correction1 * denominator);
    }
  }
}

/** Scales `gradient` in place so that its Euclidean norm is at most `limit`; returns the norm it had. */
export function clipNorm(gradient: Float32Array, limit: number): number {
  let sum = 0;
  for (const g of gradient) sum += g * g;
  const norm = Math.sqrt(sum);
  if (norm > limit) {
    const factor = limit / (norm + 1e-6);
    for (let i = 0; i < gradient.length; i++) gradient[i]! *= factor;
  }
  return norm;
}

/** Fraction of the peak rate at `step` (0-based): linear warmup, then linear decay to zero at `total`. */
export function linearSchedule(step: number, { warmup, total }: { warmup: number; total: number }): number {
  if (step < warmup) return (step + 1) / warmup;
  return total <= warmup ? 1 : Math.max(0, (total - step) / (total - warmup));
}
