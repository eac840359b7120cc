/** A plot as inline SVG, drawn without a browser: sized by the page, coloured by its style sheet, named for screen readers. */
import * as Plot from '@observablehq/plot';
import { parseHTML } from 'linkedom';
import { type Html, trusted } from './markup.ts';

/** Units of the view box. The page shows it at about this many pixels or larger, so that its text can be read on a phone. */
const size = { width: 340, height: 220 };

export function chart(label: string, options: Plot.PlotOptions): Html {
  const { document } = parseHTML('<!doctype html><html><body></body></html>');
  const svg = Plot.plot({
    ...size,
    document,
    className: 'plot',
    marginTop: 24,
    marginLeft: 44,
    marginRight: 14,
    marginBottom: 34,
    ...options,
  });
  // The page's policy allows its own style sheet only.
  svg.querySelector('style')?.remove();
  for (const attribute of ['width', 'height', 'font-family', 'font-size']) svg.removeAttribute(attribute);
  svg.setAttribute('role', 'img');
  svg.setAttribute('aria-label', label);
  return trusted(svg.outerHTML);
}
