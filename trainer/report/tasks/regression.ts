/** Findings of regression: what was predicted against what was expected, and the examples that are furthest off. */
import type { Ranked } from '../../../functions/tasks/classification.ts';
import type { ClassificationExample } from '../../data/dataset.ts';
import { type Findings, passagesOf, worstOf } from '../findings.ts';

/** @param outputs one number each. */
export function regressionFindings(
  examples: readonly ClassificationExample[],
  outputs: readonly Ranked[],
): Findings {
  const fit = examples.map(({ value }, i) => ({ expected: value!, predicted: outputs[i]![0]!.score }));
  const off = fit
    .map(({ expected, predicted }, i) => ({
      ...{ example: examples[i]!, expected, predicted },
      badness: Math.abs(expected - predicted),
    }))
    .filter(({ badness }) => badness > 0);
  const number = (value: number) => String(Number(value.toPrecision(4)));
  return {
    fit,
    judged: { about: '', answers: [] },
    mistaken: off.length,
    mistakes: worstOf(off).map(({ example, expected, predicted, badness }) => ({
      where: example.where,
      badness,
      facts: [
        { name: 'Expected', value: number(expected) },
        { name: 'Predicted', value: number(predicted) },
        { name: 'Off by', value: number(badness) },
      ],
      passages: passagesOf(example),
    })),
    legend: {},
  };
}
