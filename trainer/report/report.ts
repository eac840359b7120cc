/** `report`'s page: what one run learned, how good it is, and where it fails. */
import type { AdapterManifest, Metrics } from '../../functions/artifacts/manifests.ts';
import { trainingTasks } from '../tasks/tasks.ts';
import { calibrationOf } from './calibration.ts';
import { lengthChart, lengthLimit, lineChart, reliabilityChart, series } from './charts.ts';
import { confusionOf } from './confusion.ts';
import type { Curves } from './curves.ts';
import type { Inspection } from './inspect.ts';
import { type Html, html } from './markup.ts';
import { mistakeList } from './mistakes.ts';
import { pageOf, type Section } from './page.ts';
import { settingsOf } from './settings.ts';
import { calibrationTable, capital, confusionTable, scoreTable, scrolling, tableCard } from './tables.ts';
import { asFraction, count, duration, metricName, metricValue, percent, taskTitle } from './wording.ts';

export interface Run {
  name: string;
  manifest: AdapterManifest;
  curves: Curves;
}

/** What was answered to a data set; absent where none was given. */
export interface Evaluation {
  /** Name of the data, for the reader. */
  data: string;
  examples: number;
  metrics: Metrics;
  inspection: Inspection;
}

export function reportPage(run: Run, evaluation?: Evaluation): string {
  const { manifest, curves } = run;
  const metrics = evaluation?.metrics ?? manifest.metrics.served;
  const calibration =
    evaluation?.inspection.findings && calibrationOf(evaluation.inspection.findings.judged.answers);
  const split = manifest.training.config.scored;
  const scored = evaluation
    ? `${count(evaluation.examples)} examples of ${evaluation.data}`
    : Object.keys(metrics).length > 0
      ? `the ${typeof split === 'string' ? `${split} ` : ''}split of its training data`
      : 'nothing yet: give a data set to score it';
  return pageOf({
    title: run.name,
    lead: `${taskTitle(manifest.task)} on ${manifest.base.name}, scored as served on ${scored}.`,
    figures: [
      ...headline(manifest, metrics),
      ...(calibration ? [{ name: 'Calibration error', value: percent(calibration.expectedError) }] : []),
      ...(evaluation ? [{ name: 'Examples', value: count(evaluation.examples) }] : []),
      ...(curves.total
        ? [{ name: `Time in ${count(curves.total.steps)} steps`, value: duration(curves.total.seconds) }]
        : []),
    ],
    sections: [
      ...trainingSection(run),
      ...(evaluation ? evaluationSections(evaluation, manifest) : []),
      { id: 'settings', title: 'Settings', content: settingsTable(manifest) },
    ],
  });
}

/** The main metric first. Over all single labels micro F1 is accuracy, and is not said twice. */
function headline({ task }: AdapterManifest, metrics: Metrics): { name: string; value: string }[] {
  const { mainMetric } = trainingTasks[task];
  const shown = Object.entries(metrics).filter(
    ([name, value]) => name === mainMetric || !(name === 'f1_micro' && value === metrics.accuracy),
  );
  shown.sort(([a], [b]) => Number(b === mainMetric) - Number(a === mainMetric));
  return shown.map(([name, value]) => ({ name: metricName(name), value: metricValue(task, name, value) }));
}

function trainingSection({ manifest: { task }, curves }: Run): Section[] {
  const { unit, points, evaluations } = curves;
  if (points.length === 0) return [];
  const { mainMetric } = trainingTasks[task];
  const dots = unit === 'epoch';
  const plots: [title: string, plot: Html][] = [
    [
      'Training loss',
      lineChart({
        label: `Training loss by ${unit}`,
        unit,
        y: 'loss',
        lines: [{ name: 'loss', points: series(points, 'loss') }],
        dots,
        fromZero: true,
      }),
    ],
  ];
  const scores = evaluations.flatMap(({ at, metrics }) => {
    const value = metrics[mainMetric];
    return value === undefined ? [] : [{ at, value: asFraction(task, mainMetric, value) ?? value }];
  });
  if (scores.length > 0)
    plots.push([
      `${metricName(mainMetric)} on the dev split`,
      lineChart({
        label: `${metricName(mainMetric)} on the dev split by ${unit}, best ${metricValue(task, mainMetric, Math.max(...evaluations.map(({ metrics }) => metrics[mainMetric] ?? 0)))}`,
        unit,
        y: metricName(mainMetric),
        lines: [{ name: mainMetric, points: scores }],
        dots: true,
        percent: asFraction(task, mainMetric, 0) !== undefined,
      }),
    ]);
  for (const [of, title] of [
    ['learningRate', 'Learning rate'],
    ['gradientNorm', 'Gradient norm'],
  ] as const) {
    const values = series(points, of);
    if (values.length === 0) continue;
    plots.push([
      title,
      lineChart({
        label: `${title} by ${unit}`,
        unit,
        y: title.toLowerCase(),
        lines: [{ name: of, points: values }],
        dots,
        fromZero: true,
      }),
    ]);
  }
  const content = html`<div class="cards">${plots.map(([title, plot]) => html`<figure><h3>${title}</h3>${plot}</figure>`)}</div>
${evaluations.length > 0 ? evaluationsTable(curves, task) : ''}`;
  return [{ id: 'training', title: 'Training', content }];
}

function evaluationsTable({ unit, evaluations }: Curves, task: AdapterManifest['task']): Html {
  const names = [...new Set(evaluations.flatMap(({ metrics }) => Object.keys(metrics)))];
  const table = html`<table class="wide">
<thead><tr><th scope="col">${capital(unit)}</th>${names.map(name => html`<th scope="col">${metricName(name)}</th>`)}</tr></thead>
<tbody>${evaluations.map(
    ({ at, metrics }) =>
      html`<tr><th scope="row">${at}</th>${names.map(name => html`<td>${metrics[name] === undefined ? '–' : metricValue(task, name, metrics[name])}</td>`)}</tr>`,
  )}</tbody></table>`;
  return html`<details><summary>All evaluations</summary>${tableCard({ label: 'All evaluations', table })}</details>`;
}

function evaluationSections(
  { examples, inspection: { lengths, findings } }: Evaluation,
  { maxLength }: AdapterManifest,
): Section[] {
  const limit = lengthLimit(lengths);
  const beyond = lengths.tokens.filter(tokens => tokens > limit).length;
  const sections: (Section | false | undefined)[] = [
    findings?.confusion && {
      id: 'confusion',
      title: 'Confusion matrix',
      content: confusionTable(confusionOf(findings.confusion.pairs), findings.confusion.note),
    },
    findings?.scores && {
      id: 'labels',
      title: `Scores by ${findings.scores.about}`,
      content: scoreTable(findings.scores.about, findings.scores.perLabel),
    },
    findings !== undefined &&
      findings.judged.answers.length > 0 && {
        id: 'calibration',
        title: 'Calibration',
        half: true,
        content: calibrationFigure(findings.judged),
      },
    {
      id: 'lengths',
      title: 'Length of the inputs',
      half: true,
      content: html`<figure>${lengthChart(lengths, maxLength)}<figcaption>Tokens, special tokens counted. Half have at most ${count(lengths.median)}, 95 % at most ${count(lengths.p95)}, the longest ${count(lengths.max)}. A window holds ${count(maxLength)}${lengths.windowed > 0 ? `; ${count(lengths.windowed)} of ${count(lengths.tokens.length)} needed more than one` : ', and none needed a second one'}.${beyond > 0 ? ` ${count(beyond)} with over ${count(limit)} are counted in the last bar.` : ''}</figcaption></figure>`,
    },
    findings && { id: 'mistakes', title: 'Worst examples', content: mistakeList(findings, examples) },
  ];
  return sections.filter(section => section !== undefined && section !== false);
}

function calibrationFigure({ about, answers }: NonNullable<Inspection['findings']>['judged']): Html {
  const calibration = calibrationOf(answers);
  return html`<figure>${reliabilityChart(calibration)}
<figcaption>${capital(about)}. A bar under the dashed line: more confident than right. The number on a bar is how many answers it stands for. Expected calibration error: ${percent(calibration.expectedError)}.</figcaption>
<details><summary>Numbers</summary>${scrolling('Calibration by bin', calibrationTable(calibration))}</details></figure>`;
}

function settingsTable(manifest: AdapterManifest): Html {
  const table = html`<table class="wide"><tbody>${Object.entries(settingsOf(manifest)).map(
    ([name, value]) => html`<tr><th scope="row">${name}</th><td class="text">${value}</td></tr>`,
  )}</tbody></table>`;
  return html`<div class="narrow">${tableCard({ label: 'Settings', table })}</div>`;
}
