/** `compare`'s page: the curves of several runs in one plot each, their scores, and the options in which they differ. */
import { lineChart, series } from './charts.ts';
import type { ComparedRun, Comparison, Row } from './comparison.ts';
import { type Html, html } from './markup.ts';
import { type Page, pageOf } from './page.ts';
import { runColours } from './style.ts';
import { breakable, tableCard } from './tables.ts';
import { asFraction, metricName, scoredSplit, taskTitle } from './wording.ts';

export function comparisonPage(runs: readonly ComparedRun[], comparison: Comparison): string {
  const names = runs.map(({ name }) => name);
  const { task, options, results } = comparison;
  const curves = curvesOf(runs, comparison);
  const sections: Page['sections'] = [
    { id: 'results', title: 'Results', content: tableOf({ names, rows: results, label: 'Results' }) },
    ...(curves ? [{ id: 'curves', title: 'Curves', content: curves }] : []),
    {
      id: 'options',
      title: 'What differs',
      content:
        options.length === 0
          ? html`<p>All options are the same.</p>`
          : tableOf({ names, rows: options, label: 'Options that differ' }),
    },
  ];
  return pageOf({
    title: `${runs.length} runs compared`,
    lead: `${taskTitle(task)}: ${names.join(', ')}.`,
    figures: [],
    sections,
  });
}

function tableOf({ names, rows, label }: { names: string[]; rows: readonly Row[]; label: string }): Html {
  return tableCard({
    label,
    table: html`<table class="wide">
<thead><tr><td></td>${names.map(name => html`<th scope="col">${breakable(name)}</th>`)}</tr></thead>
<tbody>${rows.map(
      ({ name, cells, best }) =>
        html`<tr><th scope="row">${name}</th>${cells.map((cell, i) => html`<td class="${best.includes(i) ? 'best' : 'cell'}">${cell || '–'}</td>`)}</tr>`,
    )}</tbody></table>`,
  });
}

/** Colour of a run, and dashes for those past the palette's end. */
const strokeOf = (run: number) => ({
  stroke: `var(--run${run % runColours})`,
  dash: ['none', '6 3', '2 3'][Math.floor(run / runColours) % 3]!,
});

function curvesOf(runs: readonly ComparedRun[], { task, mainMetric }: Comparison): Html | undefined {
  const drawn = runs.map((run, i) => ({ ...run, ...strokeOf(i) }));
  const losses = drawn.map(({ curves, stroke, dash }) => ({
    points: series(curves.points, 'loss'),
    stroke,
    dash,
  }));
  if (losses.every(({ points }) => points.length === 0)) return undefined;
  const scores = drawn.map(({ curves, stroke, dash }) => ({
    points: curves.evaluations.flatMap(({ at, metrics }) => {
      const value = metrics[mainMetric];
      return value === undefined ? [] : [{ at, value: asFraction(task, mainMetric, value) ?? value }];
    }),
    stroke,
    dash,
  }));
  const title = `${metricName(mainMetric)} on the ${scoredSplit(runs[0]!.manifest)} split`;
  return html`<ul class="legend">${drawn.map(
    ({ name, stroke, dash }) =>
      html`<li><svg viewBox="0 0 26 8" aria-hidden="true"><line x1="0" x2="26" y1="4" y2="4" stroke="${stroke}" stroke-width="3" stroke-dasharray="${dash}"/></svg>${name}</li>`,
  )}</ul>
<div class="cards"><figure><h3>Training loss</h3>${lineChart({
    ...{ label: `Training loss of ${runs.length} runs by step`, y: 'loss' },
    ...{ lines: losses, noisy: true, fromZero: true },
  })}</figure>${
    scores.some(({ points }) => points.length > 0) &&
    html`<figure><h3>${title}</h3>${lineChart({
      ...{ label: `${title} of ${runs.length} runs by step`, y: metricName(mainMetric) },
      ...{ lines: scores, dots: true, percent: asFraction(task, mainMetric, 0) !== undefined },
    })}</figure>`
  }</div>`;
}
