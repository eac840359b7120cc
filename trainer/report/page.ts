/** The frame of a page: one file that runs no script and asks the network for nothing, which its policy makes sure of. */
import { createHash } from 'node:crypto';
import { type Html, html, trusted } from './markup.ts';
import { style } from './style.ts';

export interface Section {
  /** Of the anchor. */
  id: string;
  title: string;
  /** Beside another one where there is room. */
  half?: boolean;
  content: Html;
}

export interface Page {
  title: string;
  lead: string;
  figures: { name: string; value: string }[];
  sections: readonly Section[];
}

const policy = `default-src 'none'; style-src 'sha256-${createHash('sha256').update(style).digest('base64')}'; base-uri 'none'; form-action 'none'`;

export function pageOf({ title, lead, figures, sections }: Page): string {
  return `${html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="referrer" content="no-referrer">
<title>${title}</title>
<style>${trusted(style)}</style>
</head>
<body>
<header>
<h1>${title}</h1>
<p class="lead">${lead}</p>
${figures.length > 0 && html`<dl class="figures">${figures.map(({ name, value }) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>`}
<nav aria-label="Sections">${sections.map(section => html`<a href="#${section.id}">${section.title}</a>`)}</nav>
</header>
<main>
${sections.map(
  ({
    id,
    title,
    half,
    content,
  }) => html`<section id="${id}" class="${half ? 'half' : 'whole'}" aria-labelledby="${id}-title">
<h2 id="${id}-title">${title}</h2>
${content}
</section>
`,
)}
</main>
<footer>Made by trainer. This file is complete: it loads nothing and runs no script.</footer>
</body>
</html>`}\n`;
}
