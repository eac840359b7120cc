/** Merging against its definition carried out literally, and the parts it is made of. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { byteLetters } from '../../functions/tokenizer/byte-level.ts';
import { compileTokenizer } from '../../functions/tokenizer/compile.ts';
import { pack, type Section, unpack } from '../../functions/tokenizer/format.ts';
import { MinHeap } from '../../functions/tokenizer/min-heap.ts';
import { openTokenizer } from '../../functions/tokenizer/open.ts';
import { pairValue, readPairTable, writePairTable } from '../../functions/tokenizer/pair-table.ts';

const letters = ['a', 'b', 'c'];
const bytes = Array.from(byteLetters, letter => String.fromCodePoint(letter));

/** Merges of pieces that earlier merges made, in any order: a later one may come before what it needs. */
const merges = fc.array(fc.tuple(fc.nat(), fc.nat()), { minLength: 1, maxLength: 24 }).chain(choices => {
  const pieces = [...letters];
  const pairs = new Map<string, [string, string]>();
  for (const [left, right] of choices) {
    const pair: [string, string] = [pieces[left % pieces.length]!, pieces[right % pieces.length]!];
    pairs.set(pair.join(' '), pair);
    if (!pieces.includes(pair.join(''))) pieces.push(pair.join(''));
  }
  return fc.shuffledSubarray([...pairs.values()], { minLength: pairs.size });
});

function tokenizerOf(pairs: [string, string][]) {
  const pieces = new Set(['<pad>', ...bytes, ...pairs.map(pair => pair.join(''))]);
  const vocab = Object.fromEntries([...pieces].map((piece, id) => [piece, id]));
  const model = { type: 'BPE', unk_token: null, vocab, merges: pairs };
  const pre_tokenizer = { type: 'ByteLevel', add_prefix_space: false, trim_offsets: false };
  const json = { model, pre_tokenizer, truncation: null, padding: null, decoder: null };
  const tokenizer = openTokenizer(compileTokenizer(JSON.stringify(json)));
  return (word: string) => {
    const { ids, starts, ends } = tokenizer.encode(word);
    const written = Array.from(ids, (_, i) => word.slice(starts[i]!, ends[i]!));
    expect(Array.from(ids)).toEqual(written.map(piece => vocab[piece]));
    return written;
  };
}

/** Joins the leftmost of the earliest merge that there is, and looks again. */
function merged(word: string, pairs: [string, string][]) {
  const symbols = [...word];
  for (let rank = 0; rank < pairs.length; ) {
    const [left, right] = pairs[rank]!;
    const at = symbols.findIndex((symbol, i) => symbol === left && symbols[i + 1] === right);
    if (at >= 0) symbols.splice(at, 2, left + right);
    rank = at >= 0 ? 0 : rank + 1;
  }
  return symbols;
}

it('joins what the definition of byte-pair encoding joins', () => {
  const word = fc.string({ unit: fc.constantFrom(...letters), minLength: 1, maxLength: 60 });
  fc.assert(
    fc.property(merges, fc.array(word, { minLength: 1, maxLength: 40 }), (pairs, words) => {
      const encode = tokenizerOf(pairs);
      for (const text of words) expect(encode(text)).toEqual(merged(text, pairs));
    }),
    { numRuns: 40 },
  );
});

it('joins a word of ten thousand characters', () => {
  const encode = tokenizerOf([
    ['a', 'b'],
    ['ab', 'ab'],
    ['abab', 'a'],
    ['b', 'a'],
  ]);
  expect(encode('ab'.repeat(5_000))).toEqual(Array(2_500).fill('abab'));
  expect(encode('ba'.repeat(5_000))).toEqual(['b', ...Array(2_499).fill('abab'), 'ab', 'a']);
});

it('gives a word the same tokens after more words than are kept', () => {
  const pairs: [string, string][] = [
    ['a', 'b'],
    ['c', 'ab'],
    ['b', 'b'],
    ['a', 'a'],
  ];
  const encode = tokenizerOf(pairs);
  const words = Array.from({ length: 3 ** 9 }, (_, n) =>
    n
      .toString(3)
      .padStart(9, '0')
      .replace(/./g, digit => letters[Number(digit)]!),
  );
  for (const word of words) encode(word);
  for (const word of words) expect(encode(word)).toEqual(merged(word, pairs));
});

it('a pair table gives the last value of each pair, and -1 for every other', () => {
  const number = fc.oneof(fc.nat({ max: 5 }), fc.nat({ max: 0x7fffffff }));
  fc.assert(
    fc.property(fc.array(fc.tuple(number, number, number)), number, number, (pairs, left, right) => {
      const sections = new Map<string, Section>();
      writePairTable((name, array) => sections.set(name, array), 'pairs', pairs);
      const table = readPairTable(unpack(pack({}, sections)).section, 'pairs');
      const values = new Map(pairs.map(([a, b, value]) => [`${a} ${b}`, value]));
      for (const [a, b] of [...pairs, [left, right] as const])
        expect(pairValue(table, a, b)).toBe(values.get(`${a} ${b}`) ?? -1);
    }),
  );
});

it('a heap gives numbers back in order, whenever they came', () => {
  fc.assert(
    fc.property(fc.array(fc.option(fc.double({ noNaN: true }), { nil: undefined })), steps => {
      const heap = new MinHeap(steps.length);
      const model: number[] = [];
      for (const step of steps) {
        if (step !== undefined) {
          heap.push(step);
          model.push(step);
        } else if (model.length > 0) {
          const smallest = Math.min(...model);
          model.splice(model.indexOf(smallest), 1);
          expect(heap.pop() === smallest).toBe(true);
        }
        expect(heap.length).toBe(model.length);
      }
    }),
  );
});
