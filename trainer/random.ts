/**
 * Counter-based randomness: every number is a hash of (seed, stream, indices), so nothing has a state to save and a
 * resumed run draws what the whole run would have drawn. The mixer is murmur3's 32-bit finalizer, applied per word.
 */

export interface Counter {
  seed: number;
  /** Keeps different uses apart: initialization, shuffling, dropout, ... */
  stream: number;
}

function mix(h: number, word: number): number {
  h = Math.imul(h ^ Math.imul(word, 0xcc9e2d51), 0x1b873593);
  h ^= h >>> 16;
  h = Math.imul(h, 0x85ebca6b);
  h ^= h >>> 13;
  h = Math.imul(h, 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

/** 32 random bits for these indices. */
export function bits({ seed, stream }: Counter, ...indices: number[]): number {
  let h = mix(0x9e3779b9, seed >>> 0);
  h = mix(h, stream + 1);
  for (const index of indices) h = mix(h, index + 0x7f4a7c15);
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

/** A permutation of 0..count-1 (Fisher-Yates), keyed by `index`, e.g. the epoch. */
export function permutation(counter: Counter, index: number, count: number): Int32Array {
  const order = Int32Array.from({ length: count }, (_, i) => i);
  for (let i = count - 1; i > 0; i--) {
    const j = Math.floor(uniform(counter, index, i) * (i + 1));
    [order[i], order[j]] = [order[j]!, order[i]!];
  }
  return order;
}
