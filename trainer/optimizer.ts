/** AdamW and gradient clipping over flat vectors. Pure arithmetic. */
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
  rates: { learningRate: number; headLearningRate?: number; weightDecay: number },
): void {
  state.steps++;
  const correction1 = 1 - beta1 ** state.steps;
  const correction2 = Math.sqrt(1 - beta2 ** state.steps);
  const { m, v } = state;
  for (const { offset, size, decay, head } of layout.parameters) {
    const { weightDecay } = rates;
    const learningRate = head ? (rates.headLearningRate ?? rates.learningRate) : rates.learningRate;
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
