/** The worst examples, with what was expected and predicted highlighted in their texts. */
import type { Findings, Mistake } from './findings.ts';
import { type Html, html } from './markup.ts';
import { excerptOf, type MarkKind, type Part, partsOf } from './passage.ts';
import { count, percent } from './wording.ts';

export function mistakeList({ mistakes, mistaken, legend, fit }: Findings, examples: number): Html {
  if (mistakes.length === 0) return html`<p>No mistake in ${count(examples)} examples.</p>`;
  const shown = mistakes.length < mistaken ? `the worst ${mistakes.length} are shown` : 'all are shown';
  const lead = fit
    ? `The numbers that are furthest off; ${shown}.`
    : `${count(mistaken)} of ${count(examples)} examples have a mistake; ${shown}, the most confident first.`;
  return html`<p class="note">${lead}</p>
${
  Object.keys(legend).length > 0 &&
  html`<ul class="legend">${Object.entries(legend).map(
    ([kind, meaning]) => html`<li><mark class="${kind}">${meaning}</mark></li>`,
  )}</ul>`
}
<ol class="examples">${mistakes.map(itemOf)}</ol>`;
}

function itemOf({ where, facts, passages }: Mistake): Html {
  return html`<li>
<dl class="facts">${facts.map(
    ({ name, value, confidence }) =>
      html`<dt>${name}</dt><dd><bdi>${value}</bdi>${confidence === undefined ? '' : html` <small>${percent(confidence)}</small>`}</dd>`,
  )}</dl>
${passages.map(
  ({ title, text, marks }) =>
    html`<p class="passage" dir="auto">${title === undefined ? '' : html`<b>${title}</b>`}${excerptOf(partsOf(text, marks)).map(partOf)}</p>`,
)}
<p class="where">${where.replace(/^.*[\\/]/, '')}</p>
</li>
`;
}

const spoken: Record<MarkKind, string> = { expected: 'expected', predicted: 'predicted', agreed: 'agreed' };

function partOf({ text, kind, note }: Part): Html {
  if (kind === undefined) return html`${text}`;
  return html`<mark class="${kind}" title="${spoken[kind]}">${text}${note === undefined ? '' : html`<small>${note}</small>`}</mark>`;
}
