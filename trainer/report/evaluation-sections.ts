/** What the answers to a data set say: confusions, scores, calibration, lengths, and the worst of them. */
import { calibrationOf } from './calibration.ts';
import { fitChart, lengthChart, lengthLimit, reliabilityChart } from './charts.ts';
import { confusionOf } from './confusion.ts';
import type { Findings } from './findings.ts';
import type { Inspection } from './inspect.ts';
import type { Lengths } from './lengths.ts';
import { type Html, html } from './markup.ts';
import { mistakeList } from './mistakes.ts';
import type { Section } from './page.ts';
import { calibrationTable, capital, confusionTable, scoreTable, scrolling } from './tables.ts';
import { count, percent } from './wording.ts';

/** @param maxLength tokens of one window. */
export function evaluationSections({ lengths, findings }: Inspection, maxLength: number): Section[] {
  return [
    ...(findings.confusion
      ? [
          {
            id: 'confusion',
            title: 'Confusion matrix',
            content: confusionTable(confusionOf(findings.confusion.pairs), findings.confusion.note),
          },
        ]
      : []),
    ...(findings.scores
      ? [
          {
            id: 'labels',
            title: `Scores by ${findings.scores.about}`,
            content: scoreTable(findings.scores.about, findings.scores.perLabel),
          },
        ]
      : []),
    ...(findings.judged.answers.length > 0
      ? [{ id: 'calibration', title: 'Calibration', half: true, content: calibrationFigure(findings.judged) }]
      : []),
    ...(findings.fit
      ? [{ id: 'fit', title: 'Predicted and expected', half: true, content: fitFigure(findings.fit) }]
      : []),
    {
      id: 'lengths',
      title: 'Length of the inputs',
      half: true,
      content: lengthFigure(lengths, maxLength),
    },
    {
      id: 'mistakes',
      title: 'Worst examples',
      content: mistakeList(findings, lengths.tokens.length),
    },
  ];
}

function calibrationFigure({ about, answers }: Findings['judged']): Html {
  const calibration = calibrationOf(answers);
  return html`<figure>${reliabilityChart(calibration)}
<figcaption>${capital(about)}. A bar under the dashed line: more confident than right. The number on a bar is how many answers it stands for. Expected calibration error: ${percent(calibration.expectedError)}.</figcaption>
<details><summary>Numbers</summary>${scrolling('Calibration by bin', calibrationTable(calibration))}</details></figure>`;
}

function fitFigure(fit: NonNullable<Findings['fit']>): Html {
  const error = Math.sqrt(
    fit.reduce((sum, { expected, predicted }) => sum + (expected - predicted) ** 2, 0) /
      Math.max(1, fit.length),
  );
  return html`<figure>${fitChart(fit)}
<figcaption>A dot is an example; on the dashed line it is predicted as expected. Root mean squared error: ${Number(error.toPrecision(3))}.</figcaption></figure>`;
}

function lengthFigure(lengths: Lengths, maxLength: number): Html {
  const { tokens, median, p95, max, windowed } = lengths;
  const limit = lengthLimit(lengths);
  const beyond = tokens.filter(length => length > limit).length;
  const windows =
    windowed > 0
      ? `${count(windowed)} of ${count(tokens.length)} needed more than one`
      : 'none needed a second one';
  return html`<figure>${lengthChart(lengths, maxLength)}
<figcaption>Tokens, special tokens counted. Half have at most ${count(median)}, 95 % at most ${count(p95)}, the longest ${count(max)}. A window holds ${count(maxLength)}; ${windows}.${
    beyond > 0 && ` ${count(beyond)} with over ${count(limit)} are counted in the last bar.`
  }</figcaption></figure>`;
}
