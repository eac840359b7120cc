/**
 * Counter-based randomness: every number is a hash of (seed, stream, indices), so nothing has a state to save and a
 * resumed run draws what the whole run would have drawn. The mixer is murmur3's 32-bit finalizer, applied per word.
 */

export interface Counter {
  seed: number;
  /** Keeps different uses apart: initialization, shuffling, dropout, ... */
  stream: number;
}

/** Added to an index, so that index 0 is no zero word. */
export const counterStart = 0x7f4a7c15;
export const mixFactors = [0xcc9e2d51, 0x1b873593, 0x85ebca6b, 0xc2b2ae35] as const;

export function mix(h: number, word: number): number {
  h = Math.imul(h ^ Math.imul(word, mixFactors[0]), mixFactors[1]);
  h ^= h >>> 16;
  h = Math.imul(h, mixFactors[2]);
  h ^= h >>> 13;
  h = Math.imul(h, mixFactors[3]);
  return (h ^ (h >>> 16)) >>> 0;
}

/** 32 random bits for these indices. */
export function bits({ seed, stream }: Counter, ...indices: number[]): number {
  let h = mix(0x9e3779b9, seed >>> 0);
  h = mix(h, stream + 1);
  for (const index of indices) h = mix(h, index + counterStart);
  return h;
}

/** Uniform in [0, 1). */
export function uniform(counter: Counter, ...indices: number[]): number {
  return bits(counter, ...indices) / 2 ** 32;
}

/** Normal with mean 0 and deviation 1 (Box and Muller's transform). */
export function normal(counter: Counter, ...indices: number[]): number {
  const radius = Math.sqrt(-2 * Math.log(1 - uniform(counter, ...indices, 0)));
  return radius * Math.cos(2 * Math.PI * uniform(counter, ...indices, 1));
}

/** Of 32 random bits, those below it come with this probability, in steps of 2^-16. */
export function dropThreshold(rate: number): number {
  return Math.round(rate * 0x10000) * 0x10000;
}

/** 0 with probability `rate`, else 1 / (1 - rate), element by element. */
export function dropoutMask(key: number, { size, rate }: { size: number; rate: number }): Float32Array {
  const threshold = dropThreshold(rate);
  const scale = 1 / (1 - rate);
  return Float32Array.from({ length: size }, (_, i) => (mix(key, i + counterStart) < threshold ? 0 : scale));
}

/** A permutation of 0..count-1 (Fisher-Yates), keyed by `index`, e.g. the epoch. */
export function permutation(counter: Counter, index: number, count: number): Int32Array {
  const order = Int32Array.from({ length: count }, (_, i) => i);
  for (let i = count - 1; i > 0; i--) {
    const j = Math.floor(uniform(counter, index, i) * (i + 1));
    [order[i], order[j]] = [order[j]!, order[i]!];
  }
  return order;
}
