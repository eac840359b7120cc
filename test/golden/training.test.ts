/** Schedules, AdamW with clipping and groups, and R-Drop against transformers and PyTorch (training.json, by training.py). */
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { onnxEngine } from '../../trainer/engines/onnx.ts';
import { gradients } from '../../trainer/graph/gradient.ts';
import { Graph } from '../../trainer/graph/graph.ts';
import type { Value } from '../../trainer/graph/value.ts';
import { adamW, adamWState, clipNorm } from '../../trainer/optimizer.ts';
import { layoutOf } from '../../trainer/parameters.ts';
import { rDropLoss } from '../../trainer/r-drop.ts';
import { rateFraction, type ScheduleName } from '../../trainer/schedule.ts';

type Nested = number | Nested[];
interface Golden {
  schedules: { name: ScheduleName; warmup: number; total: number; rates: number[] }[];
  adamw: {
    initial: Nested[];
    headShare: number;
    weightDecay: number;
    steps: { rate: number; gradients: Nested[]; norm: number; values: Nested[] }[];
  };
  rDrop: {
    alpha: number;
    labels: number[];
    loss: number;
    a: number[][];
    b: number[][];
    gradA: number[][];
    gradB: number[][];
  }[];
}

const golden: Golden = JSON.parse(readFileSync(new URL('training.json', import.meta.url), 'utf8'));
const flat = (nested: Nested): number[] => (typeof nested === 'number' ? [nested] : nested.flatMap(flat));

describe('schedules', () => {
  test.each(golden.schedules)('$name, $warmup of $total steps warmup', ({ name, warmup, total, rates }) => {
    for (let step = 0; step < total; step++) {
      // transformers takes its first step at rate zero; our warmup is its own one step later.
      const expected = step < warmup ? rates[step + 1]! : rates[step]!;
      expect(rateFraction(name, step, { warmup, total })).toBeCloseTo(expected, 12);
    }
  });

  test.each(['linear', 'cosine', 'constant'] as const)('%s stays in 0 to 1, also past its end', name => {
    for (const span of [
      { warmup: 0, total: 0 },
      { warmup: 5, total: 5 },
      { warmup: 9, total: 4 },
    ])
      for (let step = 0; step < 12; step++) {
        const fraction = rateFraction(name, step, span);
        expect(fraction >= 0 && fraction <= 1).toBe(true);
      }
  });
});

test('AdamW with decay groups, a rate for the head and clipping', () => {
  const { initial, headShare, weightDecay, steps } = golden.adamw;
  const shapes = [[3, 4], [3], [2, 3], [2]];
  const layout = layoutOf(
    shapes.map((shape, i) => ({
      ...{ name: `${i}`, shape, init: 'zeros' as const, decay: shape.length === 2 },
      ...(i < 2 ? {} : { head: true as const }),
    })),
  );
  const values = Float32Array.from(flat(initial));
  const state = adamWState(layout.size);
  for (const [i, { rate, gradients: raw, norm, values: expected }] of steps.entries()) {
    const gradient = Float32Array.from(flat(raw));
    expect(Math.abs(clipNorm(gradient, 1) - norm)).toBeLessThan(1e-5 * (1 + norm));
    adamW(
      { layout, values, gradient, state },
      { learningRate: rate, headLearningRate: rate * headShare, weightDecay },
    );
    flat(expected).forEach((value, k) => {
      expect(Math.abs(values[k]! - value), `step ${i + 1}, element ${k}`).toBeLessThan(2e-6);
    });
  }
});

describe('R-Drop', () => {
  test.each(golden.rDrop)('alpha $alpha: loss and gradients of both passes', async testCase => {
    const { alpha, labels, a, b, gradA, gradB, loss: expected } = testCase;
    const g = new Graph();
    const [inputA, inputB, targets] = ['a', 'b', 'targets'].map(name => g.input(name, ['B', 3])) as [
      Value,
      Value,
      Value,
    ];
    const loss = rDropLoss(g, {
      ...{ passes: [inputA, inputB], targets, alpha },
      loss: logits => g.reshape(g.scale(g.sum(g.mul(targets, g.logSoftmax(logits)), [0, 1]), -1), []),
    });
    const [da, db] = gradients(g, loss, [inputA, inputB]) as [Value, Value];
    const program = await onnxEngine({ threads: 1 }).compile({ outputs: { loss, da, db } });
    const tensor = (data: number[]) => ({
      dtype: 'float32' as const,
      shape: [4, 3],
      data: Float32Array.from(data),
    });
    const weights = labels.flatMap(label => [0, 1, 2].map(c => (c === label ? 1 / labels.length : 0)));
    const answers = await program.run({
      a: tensor(flat(a)),
      b: tensor(flat(b)),
      targets: tensor(weights),
    });
    await program.close();
    expect(Math.abs(answers.loss!.data[0]! - expected)).toBeLessThan(1e-5 * (1 + expected));
    for (const [name, gradient] of [['da', gradA] as const, ['db', gradB] as const])
      flat(gradient).forEach((value, i) => {
        expect(Math.abs(answers[name]!.data[i]! - value), `${name}[${i}]`).toBeLessThan(
          1e-5 * (1 + Math.abs(value)),
        );
      });
  });
});
