/** What --few-shot chooses, and what it refuses. */
import { describe, expect, test } from 'vitest';
import type { Problem } from '../../functions/artifacts/manifests.ts';
import type { ClassificationExample } from '../../trainer/data/dataset.ts';
import { chooseFewShot } from '../../trainer/few-shot/choice.ts';
import { fakeTokenizer } from '../tasks/tokenizer.ts';

type Told = Parameters<typeof chooseFewShot>[0];

const example = (label: string, i: number): ClassificationExample => ({
  text: `text ${i} of ${label}`,
  labels: [label],
  where: `train.csv:${i + 1}`,
});
/** So many examples of each label. */
const examplesOf = (counts: Record<string, number>) =>
  Object.entries(counts).flatMap(([label, count]) =>
    Array.from({ length: count }, (_, i) => example(label, i)),
  );
const tally = (examples: readonly ClassificationExample[]) => {
  const counts: Record<string, number> = {};
  for (const { labels } of examples) counts[labels[0]!] = (counts[labels[0]!] ?? 0) + 1;
  return counts;
};
const choose = (
  examples: ClassificationExample[],
  told: Partial<Told['options']> & { problem?: Problem; counts?: Told['counts'] } = {},
) => {
  const { problem = 'single-label', counts, ...options } = told;
  return chooseFewShot({
    options: { task: 'classification', method: { name: 'lora' }, fewShot: {}, ...options },
    ...{ problem, tokenizer: fakeTokenizer(), counts: counts ?? tally(examples) },
    train: { examples, skipped: [], digest: 'of the file' },
  });
};

describe('few examples a class', () => {
  const counts = { card_arrival: 3, lost_card: 5, LABEL_2: 9, top_up: 4 };
  const chosen = choose(examplesOf(counts))!;

  test('begin at prototypes, of the names of labels too, where those are words', () => {
    expect(chosen.plan).toEqual({
      ...{ examplesPerClass: 4, start: 'prototypes', labelNames: 3, contrastiveSteps: 0 },
    });
    expect(chosen.head).toEqual({ kind: 'pooled', pooling: 'mean', dense: false });
    expect(chosen.note).toBe(
      'few-shot: 4 examples a class (from 3 to 9): the head begins at the prototypes, names of 3 labels are examples',
    );
    expect(chosen.train.digest).toBe('of the file');
    expect(chosen.train.examples.slice(21)).toEqual([
      { text: 'card arrival', labels: ['card_arrival'], where: 'the name of label "card_arrival"' },
      { text: 'lost card', labels: ['lost_card'], where: 'the name of label "lost_card"' },
      { text: 'top up', labels: ['top_up'], where: 'the name of label "top_up"' },
    ]);
  });

  test('one is enough, and may be all there is', () => {
    expect(choose(examplesOf({ spam: 1, ham: 1 }))).toMatchObject({
      plan: { examplesPerClass: 1, start: 'prototypes', labelNames: 2 },
      note: expect.stringMatching(/^few-shot: 1 example a class: /),
    });
    expect(choose(examplesOf({ a: 1, b: 1 }))!.plan).toMatchObject({ start: 'prototypes', labelNames: 0 });
  });

  test('of pairs, names of labels are none', () => {
    const pairs = examplesOf({ entailment: 2, neutral: 2 }).map(each => ({ ...each, pair: 'another text' }));
    expect(choose(pairs)!.plan).toMatchObject({ start: 'prototypes', labelNames: 0 });
    expect(choose(pairs)!.train.examples).toEqual(pairs);
    const cloze = { template: '{text} [MASK]', verbalizer: { entailment: 'yes', neutral: 'maybe' } };
    expect(() => choose(pairs, { fewShot: { cloze } })).toThrow('and train.csv:1 is a pair');
  });
});

test('from 32 examples a class on, training is plain', () => {
  expect(choose(examplesOf({ spam: 31, ham: 99 }))!.plan.start).toBe('prototypes');
  const plain = choose(examplesOf({ spam: 32, ham: 99 }))!;
  expect(plain.plan).toEqual({
    ...{ examplesPerClass: 32, start: 'random', labelNames: 0, contrastiveSteps: 0 },
  });
  expect([plain.head, plain.train.examples.length]).toEqual([undefined, 131]);
  expect(plain.note).toBe(
    'few-shot: 32 examples a class (from 32 to 99): enough for a head that begins at random',
  );
});

test('examples that were made of others do not count', () => {
  const { plan, note } = choose(examplesOf({ spam: 40, ham: 40 }), { counts: { spam: 8, ham: 8 } })!;
  expect(plan).toMatchObject({ examplesPerClass: 8, start: 'prototypes' });
  expect(note).toContain('few-shot: 8 examples a class: ');
});

test('contrastive steps are taken as told, whatever the number of examples', () => {
  const told = { fewShot: { contrastiveSteps: 7 } };
  expect(choose(examplesOf({ spam: 2, ham: 2 }), told)!.plan.contrastiveSteps).toBe(7);
  expect(choose(examplesOf({ spam: 40, ham: 40 }), told)!).toMatchObject({
    plan: { start: 'random', contrastiveSteps: 7 },
    note: expect.stringContaining(', 7 contrastive steps before'),
  });
  expect(choose(examplesOf({ spam: 1, ham: 1 }), told)!.plan.contrastiveSteps).toBe(7);
  expect(() => choose(examplesOf({ a: 1, b: 1 }), told)).toThrow(
    '--contrastive-steps 7: no class has two examples, nor one and a name of words: add some, or leave it out',
  );
});

test('what has no classes of which each text has one is refused', () => {
  const examples = examplesOf({ spam: 2, ham: 2 });
  const refused = (told: Parameters<typeof choose>[1]) => () => choose(examples, told);
  expect(refused({ problem: 'multi-label' })).toThrow(
    '--few-shot: for single-label classification only, this is multi-label',
  );
  expect(refused({ problem: 'regression' })).toThrow('this is regression');
  expect(refused({ task: 'sequence-labeling' })).toThrow('this is sequence-labeling');
  expect(refused({ from: { name: 'run' } })).toThrow('--few-shot and --from');
  expect(choose(examples, { fewShot: undefined, problem: 'multi-label' })).toBeUndefined();
});
