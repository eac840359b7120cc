/** What each task's file finds in answers that are written out here. */
import { describe, expect, test } from 'vitest';
import type { Ranked } from '../../functions/tasks/classification.ts';
import { wordsOf } from '../../functions/tasks/words.ts';
import type { ClassificationExample, LabelingExample } from '../../trainer/data/dataset.ts';
import { worstOf } from '../../trainer/report/findings.ts';
import { partsOf } from '../../trainer/report/passage.ts';
import { classificationFindings } from '../../trainer/report/tasks/classification.ts';
import { multiLabelFindings } from '../../trainer/report/tasks/multi-label.ts';
import { questionFindings } from '../../trainer/report/tasks/question-answering.ts';
import { regressionFindings } from '../../trainer/report/tasks/regression.ts';
import { entityFindings } from '../../trainer/report/tasks/sequence-labeling.ts';

/** The marked stretches of a text. */
const marked = ({ text, marks }: { text: string; marks: Parameters<typeof partsOf>[1] }) =>
  partsOf(text, marks).flatMap(({ text: part, kind, note }) =>
    kind ? [`${kind}: ${part}${note ? ` (${note})` : ''}`] : [],
  );

describe('classification', () => {
  /** A model of a few words: each adds to the log odds of `refund` over `parcel`. */
  const weights: Record<string, number> = { refund: 3, "don't": 2, late: -2, parcel: -4 };
  const answer = ({ text }: { text: string }): Ranked => {
    const odds = Object.entries(weights).reduce((sum, [word, by]) => sum + (text.includes(word) ? by : 0), 0);
    const refund = 1 / (1 + Math.exp(-odds));
    const scores = [
      { label: 'refund', score: refund },
      { label: 'parcel', score: 1 - refund },
    ];
    return scores.sort((a, b) => b.score - a.score);
  };
  const ask = async (examples: readonly ClassificationExample[]) => examples.map(answer);
  const findingsOf = (...rows: [text: string, label: string][]) => {
    const examples = rows.map(([text, label], i) => ({ text, labels: [label], where: `test.csv:${i + 2}` }));
    return classificationFindings(examples, examples.map(answer), ask);
  };

  test('pairs what was expected with what was predicted, and judges each by its probability', async () => {
    const findings = await findingsOf(['refund it', 'refund'], ['my parcel', 'refund']);
    expect(findings.confusion?.pairs).toEqual([
      { expected: 'refund', predicted: 'refund' },
      { expected: 'refund', predicted: 'parcel' },
    ]);
    expect(findings.judged.answers).toEqual([
      { confidence: 1 / (1 + Math.exp(-3)), correct: true },
      { confidence: 1 - 1 / (1 + Math.exp(4)), correct: false },
    ]);
    expect(findings.scores?.perLabel.refund).toEqual({ precision: 1, recall: 0.5, f1: 2 / 3, support: 2 });
  });

  test('shows mistakes only, the one that is surest of itself first', async () => {
    const { mistakes, mistaken } = await findingsOf(
      ['a late one', 'refund'],
      ['refund', 'refund'],
      ['late parcel', 'refund'],
    );
    expect(mistaken).toBe(2);
    expect(mistakes.map(({ where }) => where)).toEqual(['test.csv:4', 'test.csv:2']);
    expect(mistakes[0]!.facts.map(({ name, value }) => [name, value])).toEqual([
      ['Expected', 'refund'],
      ['Predicted', 'parcel'],
    ]);
    expect(mistakes[0]!.facts[0]!.confidence).toBeCloseTo(1 / (1 + Math.exp(6)), 12);
  });

  test('highlights the words that speak for either label, and no others', async () => {
    const { mistakes } = await findingsOf(
      ["refund my late parcel, don't wait", 'refund'],
      ['late it is', 'refund'],
    );
    const found = mistakes.flatMap(({ passages }) => passages.map(marked));
    expect(found).toContainEqual(['predicted: late']);
    const [longer] = found.filter(parts => parts.length > 1);
    expect(longer).toEqual(['expected: refund', 'predicted: late', 'predicted: parcel', "expected: don't"]);
  });

  test('asks no more than forty times and once about a text of a thousand words', async () => {
    let asked = 0;
    const example = { text: `${'a '.repeat(999)}parcel`, labels: ['refund'], where: 'test.csv:2' };
    const { mistakes } = await classificationFindings([example], [answer(example)], examples => {
      asked += examples.length;
      return ask(examples);
    });
    expect(asked).toBe(41);
    expect(mistakes[0]!.passages.map(marked)).toEqual([[expect.stringMatching(/^predicted: a .* parcel$/)]]);
  });

  test('shows both texts of a pair', async () => {
    const example = { text: 'parcel', pair: 'second', labels: ['refund'], where: 'a:1' };
    const { mistakes } = await classificationFindings([example], [answer(example)], ask);
    expect(mistakes[0]!.passages.map(({ text }) => text)).toEqual(['parcel', 'second']);
  });

  test('has no mistakes where there are none', async () => {
    expect(await findingsOf(['refund', 'refund'])).toMatchObject({ mistakes: [], mistaken: 0 });
  });
});

describe('several labels', () => {
  const output = (scores: Record<string, number>, threshold = 0.5) => {
    const ranked = Object.entries(scores).map(([label, score]) => ({ label, score }));
    ranked.sort((a, b) => b.score - a.score);
    return { ranked, labels: ranked.filter(({ score }) => score >= threshold).map(({ label }) => label) };
  };
  const example = (text: string, ...labels: string[]) => ({ text, labels, where: `test.csv:${text}` });
  const findings = multiLabelFindings(
    [example('a', 'joy', 'love'), example('b', 'anger'), example('c'), example('d', 'joy')],
    [
      output({ joy: 0.9, love: 0.8, anger: 0.1 }),
      output({ joy: 0.7, love: 0.2, anger: 0.4 }),
      output({ joy: 0.6, love: 0.1, anger: 0.1 }),
      output({ joy: 0.51, love: 0.3, anger: 0.2 }),
    ],
    ['joy', 'love', 'anger', 'grief'],
  );

  test('are counted one by one', () => {
    expect(findings.scores?.perLabel).toEqual({
      joy: { precision: 0.5, recall: 1, f1: 2 / 3, support: 2 },
      love: { precision: 1, recall: 1, f1: 1, support: 1 },
      anger: { precision: 0, recall: 0, f1: 0, support: 1 },
      grief: { precision: 0, recall: 0, f1: 0, support: 0 },
    });
    expect(findings.judged.answers).toHaveLength(12);
    expect(findings.judged.answers).toContainEqual({ confidence: 0.4, correct: true });
  });

  test('are a mistake where the sets differ, the least likely truth first', () => {
    expect([findings.mistaken, findings.mistakes.map(({ where }) => where)]).toEqual([
      2,
      ['test.csv:b', 'test.csv:c'],
    ]);
    expect(findings.mistakes[0]!.facts).toEqual([
      { name: 'Missed', value: 'anger', confidence: 0.4 },
      { name: 'Made up', value: 'joy', confidence: 0.7 },
    ]);
    expect(findings.mistakes[0]!.badness).toBeCloseTo(-Math.log(0.3 * 0.8 * 0.4), 12);
  });
});

test('numbers are drawn against what was expected, and the furthest off come first', () => {
  const examples = [3, 1, 2].map((value, i) => ({
    text: `${i}`,
    labels: ['LABEL_0'],
    value,
    where: `t:${i}`,
  }));
  const findings = regressionFindings(
    examples.map(example => ({ ...example, pair: 'other' })),
    [2.5, 3, 2].map(score => [{ label: 'LABEL_0', score }]),
  );
  expect(findings.fit).toEqual([
    { expected: 3, predicted: 2.5 },
    { expected: 1, predicted: 3 },
    { expected: 2, predicted: 2 },
  ]);
  expect(findings.mistakes.map(({ where, facts }) => [where, facts.map(({ value }) => value)])).toEqual([
    ['t:1', ['1', '3', '2']],
    ['t:0', ['3', '2.5', '0.5']],
  ]);
  expect(findings.mistakes[0]!.passages.map(({ text }) => text)).toEqual(['1', 'other']);
});

describe('sequence labeling', () => {
  const example = (sentence: string): LabelingExample => {
    const words = sentence.split(' ').map(word => word.split('/'));
    return {
      words: words.map(([word]) => word!),
      tags: words.map(([, tag]) => tag ?? 'O'),
      where: 'test.conll:1',
    };
  };
  /** The served answer that tags the same words so; entities with a score. */
  const output = (sentence: string, score: number) => {
    const { words, tags } = example(sentence);
    const text = words.join(' ');
    const pieces = wordsOf(text);
    expect(pieces.length).toBe(words.length);
    const entities = pieces.flatMap(({ start, end }, i) =>
      tags[i]!.startsWith('B-')
        ? [{ entityGroup: tags[i]!.slice(2), score, word: text.slice(start, end), start, end }]
        : [],
    );
    return { entities, words: pieces, tags };
  };
  const findings = entityFindings(
    [
      example('Mara/B-PER Lind/I-PER left Oslo/B-LOC'),
      example('Jonas/B-PER likes red'),
      example('Oslo/B-LOC in May/B-DATE'),
    ],
    [
      output('Mara/B-PER Lind left Oslo/B-LOC', 0.9),
      output('Jonas/B-PER likes red', 0.8),
      output('Oslo/B-PER in May', 0.6),
    ],
  );

  test('pairs entities of one span, and counts one with other ends as missed and made up', () => {
    expect(findings.confusion?.pairs).toEqual([
      { expected: 'PER', predicted: '(none)' },
      { expected: 'LOC', predicted: 'LOC' },
      { expected: '(none)', predicted: 'PER' },
      { expected: 'PER', predicted: 'PER' },
      { expected: 'LOC', predicted: 'PER' },
      { expected: 'DATE', predicted: '(none)' },
    ]);
  });

  test('judges every predicted entity by its score', () => {
    expect(findings.judged.answers).toEqual([
      { confidence: 0.9, correct: false },
      { confidence: 0.9, correct: true },
      { confidence: 0.8, correct: true },
      { confidence: 0.6, correct: false },
    ]);
  });

  test('shows what was missed and made up in the text, the most and surest mistakes first', () => {
    expect(findings.mistaken).toBe(2);
    expect(findings.mistakes.map(({ badness }) => badness)).toEqual([2 + 0.6, 1 + 0.9]);
    expect(findings.mistakes[1]!.passages.map(marked)).toEqual([
      ['expected: Mara Lind (PER)', 'agreed: Oslo (LOC)'],
      ['predicted: Mara (PER)', 'agreed: Oslo (LOC)'],
    ]);
    expect(findings.mistakes[0]!.facts).toEqual([
      { name: 'Missed', value: 'Oslo (LOC), May (DATE)' },
      { name: 'Spurious', value: 'Oslo (PER)' },
    ]);
  });
});

describe('question answering', () => {
  const context = 'The meeting is in May in Oslo.';
  const ask = (answers: string[], predicted: string, score: number) => ({
    example: {
      ...{ id: '1', question: 'When?', context, where: 'test.json:data[0]' },
      answers: answers.map(text => ({ text, start: context.indexOf(text) })),
    },
    output: [
      {
        answer: predicted,
        score,
        start: context.indexOf(predicted),
        end: context.indexOf(predicted) + predicted.length,
      },
    ],
  });
  const findingsOf = (...cases: ReturnType<typeof ask>[]) =>
    questionFindings(
      cases.map(({ example }) => example),
      cases.map(({ output }) => output),
    );

  test('highlights the accepted answers and the predicted one in the passage', () => {
    const { mistakes } = findingsOf(ask(['May', 'in May'], 'May in Oslo', 0.4));
    expect(mistakes[0]!.passages.map(marked)).toEqual([
      ['expected: in ', 'agreed: May', 'predicted:  in Oslo'],
    ]);
    expect(mistakes[0]!.facts.map(({ value }) => value)).toEqual(['When?', 'May / in May', 'May in Oslo']);
  });

  test('puts confident answers that share no word first, and leaves out exact ones', () => {
    const { mistakes, mistaken } = findingsOf(
      ask(['May'], 'in May', 0.9),
      ask(['May'], 'may', 0.9),
      ask(['May'], 'Oslo', 0.8),
      ask(['May'], 'Oslo', 0.3),
    );
    expect(mistaken).toBe(3);
    expect(mistakes.map(({ facts }) => [facts[2]!.value, facts[2]!.confidence])).toEqual([
      ['Oslo', 0.8],
      ['Oslo', 0.3],
      ['in May', 0.9],
    ]);
  });

  test('has a matrix only where some question has no answer', () => {
    expect(findingsOf(ask(['May'], 'May', 1)).confusion).toBeUndefined();
    expect(findingsOf(ask(['May'], '', 0.5), ask([], 'Oslo', 0.5), ask([], '', 0.9))).toMatchObject({
      mistaken: 2,
      confusion: {
        pairs: [
          { expected: 'answer', predicted: 'no answer' },
          { expected: 'no answer', predicted: 'answer' },
          { expected: 'no answer', predicted: 'no answer' },
        ],
      },
    });
  });
});

test('of very many mistakes the fifty worst are kept, of equals the earlier', () => {
  const many = Array.from({ length: 1000 }, (_, i) => ({ badness: i % 10, i }));
  const worst = worstOf(many);
  expect(worst.length).toBe(50);
  expect(worst.map(({ i }) => i)).toEqual(Array.from({ length: 50 }, (_, n) => 10 * n + 9));
});
