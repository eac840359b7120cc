/** Which side of a canary a request key falls on: a fixed share, always the same keys, growing with the share. */
import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { answeringDigest, percentileOf } from '../../functions/artifacts/canary.ts';

const [live, next] = ['a'.repeat(64), 'b'.repeat(64)];
const sideOf = (percent: number, key: string | undefined, name = 'support') =>
  answeringDigest({ digest: live, canary: { digest: next, percent } }, name, key);

test('the place of a key is what SHA-256 says, so that other clients can tell it too', () => {
  fc.assert(
    fc.property(fc.string(), key => {
      const hex = createHash('sha256').update(`support\n${key}`, 'utf8').digest('hex').slice(0, 12);
      const place = percentileOf('support', key);
      expect(place).toBe((Number(`0x${hex}`) / 2 ** 48) * 100);
      expect(place).toBeGreaterThanOrEqual(0);
      expect(place).toBeLessThan(100);
    }),
  );
});

test('without a canary or without a key the alias’s own version answers', () => {
  expect(answeringDigest({ digest: live }, 'support', 'user-1')).toBe(live);
  expect(sideOf(99.99, undefined)).toBe(live);
});

test('a key that a small canary answers is answered by every larger one', () => {
  const percent = fc.double({ min: 0.001, max: 99.999, noNaN: true });
  fc.assert(
    fc.property(fc.string(), percent, percent, (key, one, other) => {
      const [small, large] = [Math.min(one, other), Math.max(one, other)];
      if (sideOf(small, key) === next) expect(sideOf(large, key)).toBe(next);
    }),
  );
});

test.each([0.5, 10, 50, 97])('%d %% of many keys are answered by the canary', percent => {
  const keys = Array.from({ length: 20_000 }, (_, i) => `user-${i}`);
  const share = keys.filter(key => sideOf(percent, key) === next).length / keys.length;
  // Four standard deviations of a binomial share; the keys are fixed, so the answer is as well.
  const deviation = Math.sqrt(((percent / 100) * (1 - percent / 100)) / keys.length);
  expect(Math.abs(share - percent / 100)).toBeLessThan(4 * deviation);
});

test('each adapter splits its keys in a way of its own', () => {
  const keys = Array.from({ length: 2000 }, (_, i) => `user-${i}`);
  const both = keys.filter(key => sideOf(50, key) === next && sideOf(50, key, 'entities') === next).length;
  expect(both / keys.length).toBeGreaterThan(0.2);
  expect(both / keys.length).toBeLessThan(0.3);
});
