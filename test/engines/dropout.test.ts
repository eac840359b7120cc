/** Dropout masks: the same from both engines, as many zeros as asked for, and none that predicts another. */
import * as tf from '@tensorflow/tfjs';
import { describe, expect, test } from 'vitest';
import type { Engine } from '../../trainer/engines/engine.ts';
import { onnxEngine } from '../../trainer/engines/onnx.ts';
import { tfjsEngine } from '../../trainer/engines/tfjs.ts';
import { Graph } from '../../trainer/graph/graph.ts';
import { bits } from '../../trainer/random.ts';

const engines: [Engine, Engine] = [onnxEngine({ threads: 1 }), tfjsEngine(tf)];
const size = 16_000;

async function masksOf(engine: Engine, rate: number, keys: Int32Array) {
  const g = new Graph();
  const input = g.input('keys', ['D'], 'int32');
  const outputs = Object.fromEntries(
    Array.from(keys, (_, site) => [`${site}`, g.dropoutMask(input, { shape: ['R', 250], rate, site })]),
  );
  // Gives R its size.
  outputs.sum = g.sum(g.input('rows', ['R', 1]), [0]);
  const program = await engine.compile({ outputs });
  const rows = { dtype: 'float32' as const, shape: [64, 1], data: new Float32Array(64) };
  const answers = await program.run({ keys: { dtype: 'int32', shape: [keys.length], data: keys }, rows });
  await program.close();
  return Array.from(keys, (_, site) => answers[site]!.data as Float32Array);
}

/** The keys of consecutive steps and sites, as training draws them, negative ones among them. */
const keys = Int32Array.from({ length: 12 }, (_, i) =>
  bits({ seed: 1, stream: 2 }, Math.floor(i / 4), 0, i % 4),
);

describe.each([0.1, 0.5, 0.9, 1 / 3])('rate %f', rate => {
  test('both engines give the same masks, bit for bit', async () => {
    expect(keys.some(key => key < 0) && keys.some(key => key > 0)).toBe(true);
    const [ours, oracle] = [await masksOf(engines[0], rate, keys), await masksOf(engines[1], rate, keys)];
    ours.forEach((mask, site) => {
      expect(mask).toEqual(oracle[site]!);
    });
    expect(new Set(ours[0]!)).toEqual(new Set([0, Math.fround(1 / (1 - rate))]));
  });

  test('zeros are as many as asked for, in each mask, and independent between masks and neighbours', async () => {
    const masks = (await masksOf(engines[1], rate, keys)).map(mask => Array.from(mask, value => value === 0));
    // Five standard deviations of a binomial count.
    const near = (count: number, trials: number, p: number) =>
      expect(Math.abs(count - trials * p)).toBeLessThan(5 * Math.sqrt(trials * p * (1 - p)));
    for (const [i, mask] of masks.entries()) {
      near(mask.filter(Boolean).length, size, rate);
      const next = masks[(i + 1) % masks.length]!;
      near(mask.filter((dropped, k) => dropped && next[k]).length, size, rate ** 2);
      for (const lag of [1, 2, 250, 256])
        near(mask.filter((dropped, k) => dropped && mask[k + lag]).length, size - lag, rate ** 2);
    }
  });
});
