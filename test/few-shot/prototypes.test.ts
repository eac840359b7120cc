/** Heads of prototypes, against cosines to the means of classes. */
import { expect, test } from 'vitest';
import { prototypeWeights } from '../../trainer/few-shot/prototypes.ts';
import { normal } from '../../trainer/random.ts';

const seed = 20261212;
const width = 6;
const vector = (index: number) =>
  Float32Array.from({ length: width }, (_, i) => normal({ seed, stream: 20 }, index, i));
const dot = (a: ArrayLike<number>, b: ArrayLike<number>) =>
  Array.from(a).reduce((sum, value, i) => sum + value * b[i]!, 0);
const length = (a: ArrayLike<number>) => Math.sqrt(dot(a, a));
const rowOf = (weights: Float32Array, row: number) => weights.slice(row * width, (row + 1) * width);

test('a logit is fifteen cosines to the mean direction of a class, times how much longer a text is than usual', () => {
  const classes = [0, 1, 2, 1, 0, 1];
  const embeddings = classes.map((_, i) => vector(i).map(x => x * (i + 1)));
  const weights = prototypeWeights(embeddings, classes, 3);
  const typical = embeddings.reduce((sum, each) => sum + length(each), 0) / embeddings.length;
  const text = vector(99);
  for (const name of [0, 1, 2]) {
    const members = embeddings.filter((_, i) => classes[i] === name);
    const mean = Array.from({ length: width }, (_, i) =>
      members.reduce((sum, member) => sum + member[i]! / length(member), 0),
    );
    const cosine = dot(text, mean) / (length(text) * length(mean));
    const logit = dot(rowOf(weights, name), text);
    expect(Math.abs(logit - (15 * cosine * length(text)) / typical), `seed ${seed}`).toBeLessThan(1e-5);
  }
});

test('one text a class, texts that are alike, opposite texts and empty ones give finite rows', () => {
  const [a, zero] = [vector(1), new Float32Array(width)];
  expect(prototypeWeights([a, a], [0, 1], 2).every(Number.isFinite)).toBe(true);
  const opposite = prototypeWeights([a, a.map(x => -x), vector(2)], [0, 0, 1], 2);
  expect([...rowOf(opposite, 0)]).toEqual(Array(width).fill(0));
  expect(Math.abs(length(rowOf(opposite, 1)) - (15 * 3) / (2 * length(a) + length(vector(2))))).toBeLessThan(
    1e-5,
  );
  expect([...prototypeWeights([zero, zero], [0, 1], 2)]).toEqual(Array(2 * width).fill(0));
});

test('a class without a text has a row of zeros', () => {
  expect([...rowOf(prototypeWeights([vector(1)], [1], 3), 0)]).toEqual(Array(width).fill(0));
});
