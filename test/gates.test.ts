/** The gates of a push: numbers on both sides of them, and what a manifest may lack. */
import { describe, expect, test } from 'vitest';
import type { AdapterManifest } from '../functions/artifacts/manifests.ts';
import { checkGates, type Gates, parseMinMetric } from '../functions/gates.ts';

type Judged = Parameters<typeof checkGates>[0];

const judged = (changes: Partial<Judged> = {}): Judged => ({
  task: 'classification',
  problem: 'single-label',
  metrics: { trained: { accuracy: 0.9, f1_macro: 0.8 }, served: { accuracy: 0.89, f1_macro: 0.8 } },
  ...changes,
});
const refusal = (manifest: Judged, gates: Partial<Gates>): string | undefined => {
  try {
    checkGates(manifest, { minMetrics: {}, ...gates });
    return undefined;
  } catch (error) {
    expect(error).toMatchObject({ code: 'gate_failed' });
    return (error as Error).message;
  }
};

describe('a least metric', () => {
  test('is passed by the value itself, and not by less', () => {
    expect(refusal(judged(), { minMetrics: { accuracy: 0.89 } })).toBeUndefined();
    expect(refusal(judged(), { minMetrics: { accuracy: 0.8900001 } })).toBe(
      'accuracy is 0.89 as served, under the least of 0.8900001: not pushed',
    );
    expect(refusal(judged(), { minMetrics: { accuracy: 0.5, f1_macro: 0.9 } })).toContain('f1_macro is 0.8');
  });

  test.each(['recall', 'constructor', '__proto__'])('%s that the manifest lacks is no pass', metric => {
    const minMetrics = Object.fromEntries([[metric, 0]]);
    expect(refusal(judged(), { minMetrics })).toContain('the manifest has accuracy, f1_macro');
    const unscored = judged({ metrics: { trained: {}, served: {} } });
    expect(refusal(unscored, { minMetrics })).toContain('no served metrics');
  });
});

describe('a most drop', () => {
  test('is passed by the drop itself, whatever floating point makes of it', () => {
    expect(0.9 - 0.89).toBeGreaterThan(0.01);
    expect(refusal(judged(), { maxDrop: 0.01 })).toBeUndefined();
    expect(refusal(judged(), { maxDrop: 0.009 })).toBe(
      'accuracy falls from 0.9 (float32) to 0.89 (as served), by 0.01, over the allowed drop of 0.009: not pushed',
    );
  });

  test('of a metric in percent is a fraction as well', () => {
    const metrics = { trained: { f1: 62.8 }, served: { f1: 62.3 } };
    const manifest = judged({ task: 'question-answering', metrics });
    expect(refusal(manifest, { maxDrop: 0.005 })).toBeUndefined();
    expect(refusal(manifest, { maxDrop: 0.004 })).toContain('by 0.005');
  });

  test.each<[Pick<AdapterManifest, 'task' | 'problem'>, string]>([
    [{ task: 'classification', problem: 'single-label' }, 'accuracy'],
    [{ task: 'classification', problem: 'multi-label' }, 'f1_micro'],
    [{ task: 'classification', problem: 'regression' }, 'pearson'],
    [{ task: 'sequence-labeling', problem: 'single-label' }, 'f1'],
  ])('of %j is one of %s', (kind, metric) => {
    const metrics = { trained: { [metric]: 0.9 }, served: { [metric]: 0.5 } };
    expect(refusal(judged({ ...kind, metrics }), { maxDrop: 0.1 })).toContain(`${metric} falls from 0.9`);
    const other = { trained: { other: 0.9 }, served: { other: 0.9 } };
    expect(refusal(judged({ ...kind, metrics: other }), { maxDrop: 1 })).toContain(`has no ${metric}`);
  });

  test('is passed by what quantization made better', () => {
    const metrics = { trained: { accuracy: 0.8 }, served: { accuracy: 0.9 } };
    expect(refusal(judged({ metrics }), { maxDrop: 0 })).toBeUndefined();
  });
});

test.each<[string, ReturnType<typeof parseMinMetric>]>([
  ['accuracy=0.9', ['accuracy', 0.9]],
  ['f1=1e-2', ['f1', 0.01]],
  ['pearson=-0.5', ['pearson', -0.5]],
  ['accuracy', undefined],
  ['=1', undefined],
  ['accuracy=', undefined],
  ['accuracy=1.2.3', undefined],
  ['accuracy=NaN', undefined],
  ['a b=1', undefined],
])('%s', (text, parsed) => {
  expect(parseMinMetric(text)).toEqual(parsed);
});
