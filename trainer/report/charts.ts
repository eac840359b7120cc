/** The plots of a report. Colours are variables of the page's style sheet, in light and in dark. */
import * as Plot from '@observablehq/plot';
import type { Calibration } from './calibration.ts';
import { chart } from './chart.ts';
import { type CurvePoint, thinned } from './curves.ts';
import type { Lengths } from './lengths.ts';
import type { Html } from './markup.ts';

const accent = 'var(--accent)';
const muted = 'var(--muted)';

export interface Line {
  points: readonly { at: number; value: number }[];
  /** The style sheet's colour and dash. */
  stroke?: string;
  dash?: string;
}

interface LineChart {
  label: string;
  y: string;
  lines: readonly Line[];
  /** Whether every point was measured by itself, and not one of very many. */
  dots?: boolean;
  /** Whether the moving mean says more than the points. */
  noisy?: boolean;
  percent?: boolean;
  fromZero?: boolean;
}

/** Lines over steps; many noisy points lie faint under their moving mean. */
export function lineChart({ label, y, lines, dots, noisy, percent, fromZero }: LineChart): Html {
  const longest = Math.max(...lines.map(({ points }) => points.length));
  const smooth = noisy && !dots && longest > 40;
  const k = Math.ceil(longest / 15);
  return chart(label, {
    x: { label: 'step', nice: false, ...wholeTicks(lines) },
    y: {
      label: percent ? `${y} (%)` : y,
      grid: true,
      nice: true,
      ticks: 5,
      ...(percent ? { percent: true } : smallTicks(lines)),
    },
    marks: [
      ...(fromZero ? [Plot.ruleY([0], { stroke: muted })] : []),
      ...lines.flatMap(({ points, stroke = accent, dash }) => {
        const channels = { x: 'at', y: 'value', stroke, ...(dash ? { strokeDasharray: dash } : {}) };
        return [
          ...(smooth ? [Plot.lineY(points, { ...channels, strokeOpacity: 0.3, strokeWidth: 1 })] : []),
          Plot.lineY(
            points,
            smooth
              ? Plot.windowY({ k, strict: false }, { ...channels, strokeWidth: 2 })
              : { ...channels, strokeWidth: 2 },
          ),
          ...(dots || points.length === 1
            ? [Plot.dot(points, { x: 'at', y: 'value', fill: stroke, r: 3 })]
            : []),
        ];
      }),
    ],
  });
}

/** Ticks at whole numbers where there are only a few of them. */
function wholeTicks(lines: readonly Line[]) {
  const max = Math.max(...lines.flatMap(({ points }) => points.map(({ at }) => at)));
  return max <= 12 ? { ticks: Array.from({ length: max }, (_, i) => i + 1), tickFormat: 'd' } : { ticks: 5 };
}

/** Learning rates in few characters. */
function smallTicks(lines: readonly Line[]) {
  const max = Math.max(...lines.flatMap(({ points }) => points.map(({ value }) => value)));
  const short = (value: number) => (value === 0 ? '0' : Number(value.toPrecision(3)).toExponential());
  return max > 0 && max < 0.01 ? { tickFormat: short } : {};
}

const pointsDrawn = 400;

/** One series of the steps; empty where it was not recorded. */
export function series(points: readonly CurvePoint[], of: Exclude<keyof CurvePoint, 'at'>): Line['points'] {
  return thinned(points, pointsDrawn).flatMap(point =>
    point[of] === undefined ? [] : [{ at: point.at, value: point[of] }],
  );
}

export function reliabilityChart({ bins, expectedError }: Calibration): Html {
  const filled = bins.filter(({ count }) => count > 0);
  return chart(
    `Accuracy by confidence in ${bins.length} bins, expected calibration error ${(100 * expectedError).toFixed(1)} %`,
    {
      height: 260,
      x: { label: 'confidence (%)', domain: [0, 100], percent: true, ticks: 5 },
      y: { label: 'accuracy (%)', domain: [0, 100], percent: true, grid: true, ticks: 5 },
      marks: [
        Plot.rectY(filled, {
          x1: 'from',
          x2: 'to',
          y: 'accuracy',
          fill: accent,
          fillOpacity: 0.75,
          inset: 1,
        }),
        Plot.line(
          [
            [0, 0],
            [1, 1],
          ],
          { stroke: 'var(--ink)', strokeDasharray: '4 3' },
        ),
        Plot.text(filled, {
          x: ({ from, to }) => (from + to) / 2,
          y: 'accuracy',
          text: 'count',
          dy: -7,
          fill: 'var(--ink)',
          stroke: 'var(--card)',
          strokeWidth: 3,
        }),
      ],
    },
  );
}

const dotsDrawn = 2_000;

/** Of very many examples evenly many are drawn. */
export function fitChart(fit: readonly { expected: number; predicted: number }[]): Html {
  const stride = Math.max(1, Math.ceil(fit.length / dotsDrawn));
  const shown = fit.filter((_, i) => i % stride === 0);
  const values = shown.flatMap(({ expected, predicted }) => [expected, predicted]);
  const ends = [Math.min(...values), Math.max(...values)].map(end => [end, end] as [number, number]);
  return chart(`Predicted against expected number of ${fit.length} examples`, {
    height: 260,
    x: { label: 'expected', nice: true, ticks: 5 },
    y: { label: 'predicted', nice: true, grid: true, ticks: 5 },
    marks: [
      Plot.line(ends, { stroke: 'var(--ink)', strokeDasharray: '4 3' }),
      Plot.dot(shown, { x: 'expected', y: 'predicted', fill: accent, fillOpacity: 0.5, r: 3 }),
    ],
  });
}

/** Lengths past this multiple of the 95th percentile share the last bar. */
const farOut = 3;

export function lengthLimit({ p95, max }: Lengths): number {
  return Math.min(max, farOut * p95);
}

export function lengthChart(lengths: Lengths, maxLength: number): Html {
  const limit = lengthLimit(lengths);
  const shown = lengths.tokens.map(tokens => Math.min(tokens, limit));
  return chart(
    `Lengths of ${shown.length} inputs in tokens: median ${lengths.median}, longest ${lengths.max}`,
    {
      x: { label: 'tokens', nice: true, ticks: 6, tickFormat: 'd' },
      y: { label: 'inputs', grid: true, ticks: 4, tickFormat: 'd' },
      marks: [
        Plot.rectY(
          shown,
          Plot.binX<Plot.RectYOptions>(
            { y: 'count' },
            { x: Plot.identity, thresholds: 20, fill: accent, inset: 0.5 },
          ),
        ),
        ...(maxLength <= limit
          ? [Plot.ruleX([maxLength], { stroke: 'var(--ink)', strokeDasharray: '4 3' })]
          : []),
        Plot.ruleY([0], { stroke: muted }),
      ],
    },
  );
}
