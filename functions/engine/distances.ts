/** What attention is told of the distance between two tokens, for the families that read it: tables [S, S] by query, key. */
import type { EncoderConfig } from '../artifacts/manifests.ts';

/** Distances from here on share the last bucket. */
const farDistance = 128;

/**
 * T5's buckets (https://arxiv.org/abs/1910.10683) as MPNet has them: one half for keys after the query, the other for the
 * rest, each exact up to half its size and logarithmic beyond. Rounded to float32 at each step, as PyTorch does it.
 * @param distance Position of the key minus that of the query.
 */
export function relativeBucket(distance: number, buckets: number): number {
  const half = Math.floor(buckets / 2);
  const exact = Math.floor(half / 2);
  const size = Math.abs(distance);
  const side = distance > 0 ? half : 0;
  if (size < exact) return side + size;
  const logarithm = Math.fround(Math.log(Math.fround(size / exact)));
  const share = Math.fround(logarithm / Math.fround(Math.log(farDistance / exact)));
  return side + Math.min(half - 1, exact + Math.floor(Math.fround(share * (half - exact))));
}

function byDistance<T extends Int32Array | Float32Array>(table: T, s: number, of: (d: number) => number): T {
  const values = Array.from({ length: 2 * s - 1 }, (_, i) => of(i - s + 1));
  for (let query = 0; query < s; query++)
    for (let key = 0; key < s; key++) table[query * s + key] = values[key - query + s - 1]!;
  return table;
}

export function relativeBuckets(s: number, buckets: number): Int32Array {
  return byDistance(new Int32Array(s * s), s, distance => relativeBucket(distance, buckets));
}

/** 0 for keys within the radius, `outside` for those beyond. */
export function localBias(
  s: number,
  { radius }: NonNullable<EncoderConfig['localAttention']>,
  outside: number,
): Float32Array {
  return byDistance(new Float32Array(s * s), s, distance => (Math.abs(distance) > radius ? outside : 0));
}
