/** Classification: texts and pairs into windows, logits of windows into one distribution. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  type ClassificationOptions,
  classification,
  classificationOptions,
  type ScoreFunction,
} from '../../functions/tasks/classification.ts';
import type { TaskContext } from '../../functions/tasks/task.ts';
import { cls, fakeTokenizer, sep } from './tokenizer.ts';

const labels = ['neg', 'neutral', 'pos'];
const context: TaskContext = { tokenizer: fakeTokenizer(/\S/gu), labels, maxLength: 12, stride: 2 };
const single: ClassificationOptions = { problem: 'single-label', threshold: 0.5 };
const byLabel = (output: { label: string; score: number }[]) =>
  Object.fromEntries(output.map(({ label, score }) => [label, score]));

test('one window: the softmax of its logits, most probable first', () => {
  const encoded = classification.encode({ text: 'abc' }, context);
  const output = classification.decode(
    encoded,
    [Float32Array.of(0, Math.log(3), Math.log(6))],
    context,
    single,
  );
  expect(output.labels).toEqual(['pos']);
  expect(output.ranked).toEqual([
    { label: 'pos', score: expect.closeTo(0.6, 6) },
    { label: 'neutral', score: expect.closeTo(0.3, 6) },
    { label: 'neg', score: expect.closeTo(0.1, 6) },
  ]);
});

test('scores of any windows are probabilities of every label, sum to 1 and fall', () => {
  const logit = fc.double({ min: -1e4, max: 1e4, noNaN: true });
  const rows = fc.array(fc.tuple(logit, logit, logit), { minLength: 40, maxLength: 40 });
  fc.assert(
    fc.property(fc.nat(200), rows, (length, values) => {
      const encoded = classification.encode({ text: 'x'.repeat(length) }, context);
      const logits = encoded.windows.map((_, i) => Float32Array.from(values[i]!));
      const output = classification.decode(encoded, logits, context, single).ranked;
      expect(output.map(({ label }) => label).sort()).toEqual([...labels].sort());
      expect(output.reduce((sum, { score }) => sum + score, 0)).toBeCloseTo(1, 9);
      for (const [i, { score }] of output.entries()) {
        expect(score).toBeGreaterThanOrEqual(0);
        if (i > 0) expect(score).toBeLessThanOrEqual(output[i - 1]!.score);
      }
    }),
  );
});

test('windows weigh as many tokens as they hold', () => {
  const encoded = classification.encode({ text: 'x'.repeat(13) }, context);
  expect(encoded.windows.map(({ count }) => count)).toEqual([10, 5]);
  const sure = (label: number) => Float32Array.from(labels, (_, i) => (i === label ? 100 : 0));
  const output = classification.decode(encoded, [sure(0), sure(2)], context, single).ranked;
  expect(byLabel(output)).toEqual({
    neg: expect.closeTo(10 / 15, 9),
    pos: expect.closeTo(5 / 15, 9),
    neutral: expect.closeTo(0, 9),
  });
});

test('windows that agree give what each of them gives', () => {
  const encoded = classification.encode({ text: 'x'.repeat(100) }, context);
  const row = Float32Array.of(-1, 0.5, 2);
  const [one, all] = [[encoded.windows[0]!], encoded.windows].map(windows =>
    byLabel(
      classification.decode(
        { windows },
        windows.map(() => row),
        context,
        single,
      ).ranked,
    ),
  );
  for (const label of labels) expect(all![label]).toBeCloseTo(one![label]!, 12);
});

test('an empty text is one window of special tokens and has a distribution', () => {
  const encoded = classification.encode({ text: '' }, context);
  expect(encoded.windows.map(({ ids }) => [...ids])).toEqual([[cls, sep]]);
  const output = classification.decode(encoded, [Float32Array.of(1, 1, 1)], context, single).ranked;
  for (const { score } of output) expect(score).toBeCloseTo(1 / 3, 12);
});

test('of a pair the longer text slides, and the shorter one is whole in every window', () => {
  for (const [text, pair, windowStart] of [
    ['abc', 'x'.repeat(30), 5],
    ['x'.repeat(30), 'abc', 1],
  ] as const) {
    const { windows } = classification.encode({ text, pair }, { ...context, maxLength: 16 });
    expect(windows.length).toBeGreaterThan(1);
    const short = [...context.tokenizer.encode('abc').ids];
    for (const { ids, position } of windows) {
      expect(position).toBe(windowStart);
      expect([...ids].filter(id => short.includes(id))).toEqual(short);
    }
  }
});

test('an empty second text is still a pair', () => {
  const { windows } = classification.encode({ text: 'a', pair: '' }, context);
  expect([...windows[0]!.ids].filter(id => id === sep)).toHaveLength(2);
});

test('two long texts are an error with numbers', () => {
  const act = () => classification.encode({ text: 'x'.repeat(20), pair: 'y'.repeat(20) }, context);
  expect(act).toThrow('20 tokens beside the text leave 0 of 12');
});

test('scores are logits, or each label by itself, where asked', () => {
  const encoded = classification.encode({ text: 'x'.repeat(13) }, context);
  expect(encoded.windows.map(({ count }) => count)).toEqual([10, 5]);
  const logits = [Float32Array.of(-1e4, 0, 3), Float32Array.of(1e4, 0, -3)];
  const scores = (scores: ScoreFunction) =>
    byLabel(classification.decode(encoded, logits, context, { ...single, scores }).ranked);
  expect(scores('none')).toEqual({
    neg: expect.closeTo(-1e4 / 3, 6),
    neutral: 0,
    pos: expect.closeTo(1, 9),
  });
  const sigmoid = 1 / (1 + Math.exp(-3));
  expect(scores('sigmoid')).toEqual({
    neg: expect.closeTo(1 / 3, 9),
    neutral: expect.closeTo(0.5, 9),
    pos: expect.closeTo((2 * sigmoid + (1 - sigmoid)) / 3, 9),
  });
});

test('several labels: each its own sigmoid, those from the threshold on are given', () => {
  const encoded = classification.encode({ text: 'abc' }, context);
  const logits = [Float32Array.of(Math.log(3), -Math.log(4), 800)];
  const output = classification.decode(encoded, logits, context, { problem: 'multi-label', threshold: 0.75 });
  expect(output.ranked).toEqual([
    { label: 'pos', score: 1 },
    { label: 'neg', score: expect.closeTo(0.75, 6) },
    { label: 'neutral', score: expect.closeTo(0.2, 6) },
  ]);
  const lower = classification.decode(encoded, logits, context, { problem: 'multi-label', threshold: 0.19 });
  expect(lower.labels).toEqual(['pos', 'neg', 'neutral']);
  const none = [Float32Array.of(-800, -1, -2)];
  const empty = classification.decode(encoded, none, context, { problem: 'multi-label', threshold: 0.5 });
  expect(empty.labels).toEqual([]);
  expect(empty.ranked.at(-1)).toEqual({ label: 'neg', score: 0 });
});

test('regression: the number itself, averaged over windows by their tokens, and no label', () => {
  const encoded = classification.encode({ text: 'x'.repeat(13) }, context);
  const regression = { ...context, labels: ['LABEL_0'] };
  const output = classification.decode(encoded, [Float32Array.of(-3), Float32Array.of(6)], regression, {
    problem: 'regression',
    threshold: 0.5,
  });
  expect(output).toEqual({ ranked: [{ label: 'LABEL_0', score: expect.closeTo(0, 9) }], labels: [] });
});

test('the threshold is what was asked for, else the adapter’s, else one half', () => {
  expect(classificationOptions({ problem: 'multi-label', threshold: 0.3 }, 0.7).threshold).toBe(0.7);
  expect(classificationOptions({ problem: 'multi-label', threshold: 0.3 }).threshold).toBe(0.3);
  expect(classificationOptions({ problem: 'multi-label' }).threshold).toBe(0.5);
});
