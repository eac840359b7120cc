/** Tables of distances: MPNet's buckets against transformers (golden by test/golden/families.py), and local attention. */
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { localBias, relativeBucket, relativeBuckets } from '../../functions/engine/distances.ts';
import { goldenPath } from '../models/golden-family.ts';

test('a distance has the bucket that transformers gives it, to 600 tokens on both sides', () => {
  const { from, buckets } = JSON.parse(readFileSync(goldenPath('buckets.json'), 'utf8'));
  expect(buckets).toHaveLength(1201);
  expect(buckets.map((_: number, i: number) => relativeBucket(from + i, 32))).toEqual(buckets);
});

test('rows of the table are queries, columns are keys', () => {
  const [next, before] = [relativeBucket(1, 32), relativeBucket(-1, 32)];
  expect(next).not.toBe(before);
  expect([...relativeBuckets(2, 32)]).toEqual([0, next, before, 0]);
  expect([...relativeBuckets(1, 32)]).toEqual([0]);
});

test('local attention sees the radius on both sides, and itself', () => {
  const seen = (s: number, radius: number) => [...localBias(s, { radius, layers: [] }, -1)];
  expect(seen(4, 1)).toEqual([0, 0, -1, -1, 0, 0, 0, -1, -1, 0, 0, 0, -1, -1, 0, 0]);
  expect(seen(3, 2)).toEqual(new Array(9).fill(0));
  expect(seen(1, 1)).toEqual([0]);
});
