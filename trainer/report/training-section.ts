/** Curves of a run: loss, score, rate and gradient norm over its steps. */
import type { AdapterManifest } from '../../functions/artifacts/manifests.ts';
import { trainingTasks } from '../tasks/tasks.ts';
import { lineChart, series } from './charts.ts';
import type { Curves } from './curves.ts';
import { type Html, html } from './markup.ts';
import type { Section } from './page.ts';
import { tableCard } from './tables.ts';
import { asFraction, metricName, metricValue, scoredSplit } from './wording.ts';

/** Nothing of a run that left no curves. */
export function trainingSection(manifest: AdapterManifest, curves: Curves): Section[] {
  const { points, evaluations } = curves;
  const { task } = manifest;
  if (points.length === 0) return [];
  const stepChart = (title: string, of: 'loss' | 'learningRate' | 'gradientNorm', noisy: boolean) => {
    const values = series(points, of);
    if (values.length === 0) return '';
    const plot = lineChart({
      ...{ label: `${title} by step`, y: title.toLowerCase(), noisy, fromZero: true },
      lines: [{ points: values }],
    });
    return html`<figure><h3>${title}</h3>${plot}</figure>`;
  };
  const content = html`<div class="cards">${stepChart('Training loss', 'loss', true)}${scoreChart(
    manifest,
    curves,
  )}${stepChart('Learning rate', 'learningRate', false)}${stepChart('Gradient norm', 'gradientNorm', true)}</div>
${evaluations.length > 0 && evaluationsTable(curves, task)}`;
  return [{ id: 'training', title: 'Training', content }];
}

/** The main metric at every evaluation. */
function scoreChart(manifest: AdapterManifest, { evaluations }: Curves): Html | false {
  const { task, problem } = manifest;
  const mainMetric = trainingTasks[task].mainMetric(problem);
  const scores = evaluations.flatMap(({ at, metrics: { [mainMetric]: value } }) =>
    value === undefined ? [] : [{ at, value }],
  );
  if (scores.length === 0) return false;
  const best = metricValue(task, mainMetric, Math.max(...scores.map(({ value }) => value)));
  const title = `${metricName(mainMetric)} on the ${scoredSplit(manifest)} split`;
  const plot = lineChart({
    ...{ label: `${title} by step, best ${best}`, y: metricName(mainMetric), dots: true },
    lines: [
      {
        points: scores.map(({ at, value }) => ({ at, value: asFraction(task, mainMetric, value) ?? value })),
      },
    ],
    percent: asFraction(task, mainMetric, 0) !== undefined,
  });
  return html`<figure><h3>${title}</h3>${plot}</figure>`;
}

function evaluationsTable({ evaluations }: Curves, task: AdapterManifest['task']): Html {
  const names = [...new Set(evaluations.flatMap(({ metrics }) => Object.keys(metrics)))];
  const table = html`<table class="wide">
<thead><tr><th scope="col">Step</th>${names.map(name => html`<th scope="col">${metricName(name)}</th>`)}</tr></thead>
<tbody>${evaluations.map(
    ({ at, metrics }) =>
      html`<tr><th scope="row">${at}</th>${names.map(name => html`<td>${metrics[name] === undefined ? '–' : metricValue(task, name, metrics[name])}</td>`)}</tr>`,
  )}</tbody></table>`;
  return html`<details><summary>All evaluations</summary>${tableCard({ label: 'All evaluations', table })}</details>`;
}
