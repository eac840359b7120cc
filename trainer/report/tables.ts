/** Tables of a report: each scrolls in a box of its own, so that the page never does sideways. */
import type { Score } from '../metrics/score.ts';
import type { Calibration } from './calibration.ts';
import { type Confusion, matrixLabels } from './confusion.ts';
import { type Html, html } from './markup.ts';
import { count, percent } from './wording.ts';

/** A box that scrolls is reached by keyboard too, and named. */
export function scrolling(label: string, table: Html): Html {
  return html`<div class="scroll" role="region" aria-label="${label}" tabindex="0">${table}</div>`;
}

/** The note stays where it is when the table scrolls. */
export function tableCard({ label, note, table }: { label: string; note?: string; table: Html }): Html {
  return html`<div class="card">${note && html`<p class="note">${note}</p>`}${scrolling(label, table)}</div>`;
}

/** Long names of labels break where their parts do. */
export const breakable = (name: string): Html =>
  html`${name.split(/(?<=[_./:-])(?=.)/).map((part, i) => (i === 0 ? part : html`<wbr>${part}`))}`;

const confusionsShown = 30;

/** The matrix of a few labels; of many, the confusions that occur most. */
export function confusionTable(confusion: Confusion, note: string): Html {
  return confusion.labels.length > matrixLabels ? topConfusions(confusion, note) : matrixOf(confusion, note);
}

function matrixOf({ labels, matrix }: Confusion, note: string): Html {
  const table = html`<table class="matrix"><thead><tr><td></td>${labels.map(label => html`<th scope="col"><span>${breakable(label)}</span></th>`)}</tr></thead>
<tbody>${matrix.map((row, i) => {
    const total = row.reduce((sum, cell) => sum + cell, 0);
    return html`<tr><th scope="row">${breakable(labels[i]!)}</th>${row.map((cell, j) => cellOf(cell, total, i === j))}</tr>`;
  })}</tbody></table>`;
  return tableCard({
    label: 'Confusion matrix',
    note: `Rows: expected. Columns: predicted. The shade is the share of the row. ${note}`,
    table,
  });
}

function cellOf(cell: number, total: number, hit: boolean): Html {
  const shade = cell === 0 ? 'zero' : `h${Math.max(1, Math.round((9 * cell) / total))}`;
  return html`<td class="${hit ? `${shade} hit` : shade}">${count(cell)}</td>`;
}

function topConfusions({ labels, confused }: Confusion, note: string): Html {
  const shown = confused.slice(0, confusionsShown);
  if (shown.length === 0) return html`<p>None of the ${labels.length} labels was taken for another.</p>`;
  const table = html`<table class="wide"><thead><tr><th scope="col">Expected</th><th scope="col" class="text">Predicted</th><th scope="col">Times</th><th scope="col">Of all expected</th></tr></thead>
<tbody>${shown.map(
    ({ expected, predicted, count: times, share }) =>
      html`<tr><th scope="row">${breakable(expected)}</th><td class="text">${breakable(predicted)}</td><td>${count(times)}</td><td>${percent(share)}</td></tr>`,
  )}</tbody></table>`;
  return tableCard({
    label: 'Most frequent confusions',
    note: `The ${shown.length} most frequent of ${count(confused.length)} kinds of confusion among ${labels.length} labels. ${note}`,
    table,
  });
}

const labelsShown = 200;

/** The weakest labels first. */
export function scoreTable(about: string, perLabel: Readonly<Record<string, Score>>): Html {
  const all = Object.entries(perLabel).sort(([, a], [, b]) => a.f1 - b.f1 || b.support - a.support);
  const shown = all.slice(0, labelsShown);
  const table = html`<table class="wide"><thead><tr><th scope="col">${capital(about)}</th>${[
    'Precision',
    'Recall',
    'F1',
    '',
    'Support',
  ].map(name => (name === '' ? html`<td></td>` : html`<th scope="col">${name}</th>`))}</tr></thead>
<tbody>${shown.map(
    ([label, { precision, recall, f1, support }]) =>
      html`<tr><th scope="row">${breakable(label)}</th><td>${percent(precision)}</td><td>${percent(recall)}</td><td>${percent(f1)}</td><td>${bar(f1)}</td><td>${count(support)}</td></tr>`,
  )}</tbody></table>`;
  const cut = shown.length < all.length ? `; ${shown.length} of ${all.length} shown` : '';
  return tableCard({
    label: `Scores by ${about}`,
    note: `Lowest F1 first${cut}. Support: how many were expected.`,
    table,
  });
}

const bar = (fraction: number) =>
  html`<svg class="bar" viewBox="0 0 72 8" aria-hidden="true"><rect width="72" height="8" rx="4"/><rect width="${(72 * fraction).toFixed(1)}" height="8" rx="4"/></svg>`;

export function calibrationTable({ bins }: Calibration): Html {
  return html`<table class="wide">
<thead><tr><th scope="col">Confidence</th><th scope="col">Answers</th><th scope="col">Mean confidence</th><th scope="col">Accuracy</th></tr></thead>
<tbody>${bins.map(
    ({ from, to, count: answers, confidence, accuracy }) =>
      html`<tr><th scope="row">${(100 * from).toFixed(0)}–${(100 * to).toFixed(0)} %</th><td>${count(answers)}</td>${
        answers === 0
          ? html`<td>–</td><td>–</td>`
          : html`<td>${percent(confidence)}</td><td>${percent(accuracy)}</td>`
      }</tr>`,
  )}</tbody></table>`;
}

export const capital = (text: string) => text.charAt(0).toUpperCase() + text.slice(1);
