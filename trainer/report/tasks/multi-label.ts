/** Findings of multi-label classification: what each label scores, how far scores can be believed, which sets are furthest off. */
import type { ClassificationOutput } from '../../../functions/tasks/classification.ts';
import type { ClassificationExample } from '../../data/dataset.ts';
import { countLabels } from '../../metrics/multi-label.ts';
import { scoreOf } from '../../metrics/score.ts';
import { type Findings, type Mistake, passagesOf, worstOf } from '../findings.ts';

/** @param labels all that the adapter knows. */
export function multiLabelFindings(
  examples: readonly ClassificationExample[],
  outputs: readonly ClassificationOutput[],
  labels: readonly string[],
): Findings {
  const answers = examples.map((example, i) => {
    const wanted = new Set(example.labels);
    const { ranked, labels: given } = outputs[i]!;
    const scores = new Map(ranked.map(({ label, score }) => [label, score]));
    return { example, wanted, given: new Set(given), scores };
  });
  const wrong = answers.filter(
    ({ wanted, given }) => wanted.size !== given.size || [...wanted].some(label => !given.has(label)),
  );
  const worst = worstOf(wrong.map(answer => ({ ...answer, badness: entropyOf(answer) })));
  const counts = countLabels({
    labels,
    gold: examples.map(example => example.labels),
    predicted: outputs.map(output => output.labels),
  });
  const perLabel = Array.from(counts, ([label, count]) => [label, scoreOf(count)] as const);
  return {
    scores: { about: 'label', perLabel: Object.fromEntries(perLabel) },
    judged: {
      about: 'labels of all examples, by their score',
      answers: answers.flatMap(({ wanted, scores }) =>
        Array.from(scores, ([label, score]) => ({ confidence: score, correct: wanted.has(label) })),
      ),
    },
    mistaken: wrong.length,
    mistakes: worst.map((answer): Mistake => {
      const { example, wanted, given, scores, badness } = answer;
      const facts = (name: string, some: Iterable<string>) =>
        Array.from(some, label => ({ name, value: label, confidence: scores.get(label) ?? 0 }));
      return {
        where: example.where,
        badness,
        facts: [
          ...facts(
            'Missed',
            [...wanted].filter(label => !given.has(label)),
          ),
          ...facts(
            'Made up',
            [...given].filter(label => !wanted.has(label)),
          ),
          ...facts(
            'Right',
            [...wanted].filter(label => given.has(label)),
          ),
        ],
        passages: passagesOf(example),
      };
    }),
    legend: {},
  };
}

/** Binary cross-entropy, summed over labels, in nats. */
function entropyOf({ wanted, scores }: { wanted: ReadonlySet<string>; scores: ReadonlyMap<string, number> }) {
  let sum = 0;
  for (const [label, score] of scores)
    sum -= Math.log(Math.max(1e-300, wanted.has(label) ? score : 1 - score));
  return sum;
}
