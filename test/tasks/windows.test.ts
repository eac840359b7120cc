/** Windows over token sequences: what every set of them has in common, and how they are framed. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { VeneerError } from '../../functions/error.ts';
import { bestWindows, type Window, windowsOf } from '../../functions/tasks/windows.ts';
import { cls, fakeTokenizer, sep, tokens } from './tokenizer.ts';

const tokenizer = fakeTokenizer();

interface Sizes {
  /** Tokens of the sequence that slides, and of the other one (-1: there is none). */
  slid: number;
  whole: number;
  slide: 'A' | 'B';
  maxLength: number;
  stride: number;
}

/** A quarter of the window is stride at most, which always leaves room to move on. */
const sizes: fc.Arbitrary<Sizes> = fc
  .record({
    slid: fc.integer({ min: 0, max: 300 }),
    whole: fc.integer({ min: -1, max: 20 }),
    slide: fc.constantFrom('A' as const, 'B' as const),
    room: fc.integer({ min: 8, max: 64 }),
    stridePart: fc.double({ min: 0, max: 0.25, noNaN: true }),
  })
  .map(({ room, stridePart, ...rest }) => {
    const maxLength = room + 3 + 2 * Math.max(0, rest.whole);
    return { ...rest, maxLength, stride: Math.floor(room * stridePart) };
  });

const firstSlid = 1000;
const firstWhole = 100;

function windowsFor({ slid, whole, slide, maxLength, stride }: Sizes): Window[] {
  const [long, short] = [tokens(slid, firstSlid), tokens(whole, firstWhole)];
  if (whole < 0) return windowsOf(tokenizer, { a: long, slide: 'A' }, { maxLength, stride });
  const pair = slide === 'A' ? { a: long, b: short } : { a: short, b: long };
  return windowsOf(tokenizer, { ...pair, slide }, { maxLength, stride });
}

test('windows hold every token, in order', () => {
  fc.assert(
    fc.property(sizes, given => {
      const windows = windowsFor(given);
      const held = new Set<number>();
      for (const { ids, position, first, count } of windows)
        for (let i = 0; i < count; i++) {
          expect(ids[position + i]).toBe(firstSlid + first + i);
          held.add(first + i);
        }
      expect(held.size).toBe(given.slid);
      if (given.slid === 0) expect(windows).toHaveLength(1);
    }),
  );
});

test('neighbouring windows share exactly `stride` tokens, and only the last is not full', () => {
  fc.assert(
    fc.property(sizes, given => {
      const windows = windowsFor(given);
      for (const [index, { first, ids }] of windows.entries()) {
        const before = windows[index - 1];
        if (before) expect(before.first + before.count - first).toBe(given.stride);
        if (index < windows.length - 1) expect(ids.length).toBe(given.maxLength);
        else expect(ids.length).toBeLessThanOrEqual(given.maxLength);
      }
    }),
  );
});

test('every window begins with [CLS], ends with [SEP] and holds the other sequence whole, with type ids', () => {
  fc.assert(
    fc.property(sizes, given => {
      const whole = Array.from({ length: Math.max(given.whole, 0) }, (_, i) => firstWhole + i);
      for (const { ids, typeIds, first, count } of windowsFor(given)) {
        const part = Array.from({ length: count }, (_, i) => firstSlid + first + i);
        const [a, b] = given.slide === 'A' || given.whole < 0 ? [part, whole] : [whole, part];
        const second = given.whole < 0 ? [] : [...b, sep];
        expect([...ids]).toEqual([cls, ...a, sep, ...second]);
        expect([...typeIds]).toEqual([...new Array(a.length + 2).fill(0), ...second.map(() => 1)]);
      }
    }),
  );
});

test('a text that just fits is one window; one token more makes two', () => {
  const options = { maxLength: 16, stride: 4 };
  expect(windowsOf(tokenizer, { a: tokens(14), slide: 'A' }, options)).toHaveLength(1);
  const windows = windowsOf(tokenizer, { a: tokens(15), slide: 'A' }, options);
  expect(windows.map(({ first, count }) => [first, count])).toEqual([
    [0, 14],
    [10, 5],
  ]);
});

test('a pair that fits is one window, whatever the stride', () => {
  const pair = { a: tokens(10), b: tokens(3), slide: 'B' as const };
  expect(windowsOf(tokenizer, pair, { maxLength: 16, stride: 12 })).toHaveLength(1);
});

test.each([
  [12, 4, 1],
  [13, 0, 0],
  [500, 4, 0],
])(
  'a question of %i tokens leaves no room to slide (stride %i): the error says so in numbers',
  (question, stride, room) => {
    const act = () =>
      windowsOf(tokenizer, { a: tokens(question), b: tokens(50), slide: 'B' }, { maxLength: 16, stride });
    expect(act).toThrow(VeneerError);
    expect(act).toThrow(
      `${question} tokens beside the text leave ${room} of 16 for a window with stride ${stride}`,
    );
  },
);

test('a question that is longer than a window is an error also where the context is empty', () => {
  const act = () =>
    windowsOf(tokenizer, { a: tokens(20), b: tokens(0), slide: 'B' }, { maxLength: 16, stride: 4 });
  expect(act).toThrow('20 tokens beside the text leave 0 of 16');
});

test('the best window of a token is the first with the most context on its poorer side', () => {
  fc.assert(
    fc.property(sizes, given => {
      const windows = windowsFor(given);
      const best = bestWindows(windows, given.slid);
      expect(best).toHaveLength(given.slid);
      best.forEach((index, token) => {
        const contexts = windows.map(({ first, count }) =>
          Math.min(token - first, first + count - 1 - token),
        );
        expect(index).toBe(contexts.indexOf(Math.max(...contexts)));
      });
    }),
  );
});

test('two overlapping windows change hands in the middle of what they share', () => {
  const windows = windowsOf(tokenizer, { a: tokens(16), slide: 'A' }, { maxLength: 12, stride: 4 });
  expect(windows.map(({ first, count }) => [first, count])).toEqual([
    [0, 10],
    [6, 10],
  ]);
  expect([...bestWindows(windows, 16)]).toEqual([0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1]);
});

test('of a sequence that does not slide only so many tokens are kept as are allowed', () => {
  const pair = { a: tokens(20, firstWhole), b: tokens(30, firstSlid), slide: 'B' as const };
  expect(() => windowsOf(tokenizer, pair, { maxLength: 24, stride: 2 })).toThrow(VeneerError);
  const windows = windowsOf(tokenizer, pair, { maxLength: 24, stride: 2, maxWhole: 5 });
  for (const { ids, position } of windows) {
    expect(position).toBe(1 + 5 + 1);
    expect([...ids.subarray(1, 6)]).toEqual([0, 1, 2, 3, 4].map(i => firstWhole + i));
  }
  const whole = windowsOf(tokenizer, pair, { maxLength: 64, stride: 2 });
  expect(windowsOf(tokenizer, pair, { maxLength: 64, stride: 2, maxWhole: 20 })).toEqual(whole);
});

test('a text is cut after its first window where asked, and is whole where it fits', () => {
  const a = tokens(30, firstSlid);
  const options = { maxLength: 12, stride: 2 };
  const [first] = windowsOf(tokenizer, { a, slide: 'A' }, options);
  expect(windowsOf(tokenizer, { a, slide: 'A' }, { ...options, truncate: true })).toEqual([first]);
  expect(windowsOf(tokenizer, { a, slide: 'A' }, { ...options, stride: 10, truncate: true })).toEqual([
    first,
  ]);
  const short = { a: tokens(3, firstSlid), slide: 'A' as const };
  expect(windowsOf(tokenizer, short, { ...options, truncate: true })).toEqual(
    windowsOf(tokenizer, short, options),
  );
});
