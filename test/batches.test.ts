/** Which rows a step sees: it depends on the seed, the epoch and the size of a step, and on nothing else. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  type BatchPlan,
  microBatchesOf,
  stepsAfter,
  stepsPerEpoch,
  type TrainingRow,
} from '../trainer/batches.ts';

const rowsOf = (lengths: readonly number[]) =>
  lengths.map((length): TrainingRow => {
    const window = {
      ids: new Int32Array(length),
      typeIds: new Int32Array(length),
      position: 1,
      first: 0,
      count: 1,
    };
    return { window, targets: Int32Array.of(0) };
  });

const plans = fc.record({
  lengths: fc.array(fc.integer({ min: 1, max: 60 }), { minLength: 1, maxLength: 120 }),
  epochs: fc.integer({ min: 1, max: 3 }),
  batchSize: fc.integer({ min: 1, max: 9 }),
  accumulate: fc.integer({ min: 1, max: 5 }),
  devices: fc.integer({ min: 1, max: 7 }),
  seed: fc.integer({ min: 0, max: 2 ** 32 - 1 }),
});

test('every epoch sees every row once, in as many steps as it says, cut into even batches', () => {
  fc.assert(
    fc.property(plans, ({ lengths, devices, ...options }) => {
      const rows = rowsOf(lengths);
      const plan: BatchPlan = { ...options, microBatches: microBatchesOf(options, devices) };
      const { batchSize, accumulate, microBatches, epochs } = plan;
      expect(microBatches % accumulate).toBe(0);
      expect(microBatches).toBeGreaterThanOrEqual(devices);
      const steps = [...stepsAfter(0, rows, plan)];
      expect(steps.map(({ step }) => step)).toEqual(Array.from({ length: steps.length }, (_, i) => i + 1));
      expect(steps.length).toBe(epochs * stepsPerEpoch(rows.length, plan));
      for (let epoch = 1; epoch <= epochs; epoch++) {
        const seen = steps.filter(step => step.epoch === epoch).flatMap(({ batches }) => batches.flat());
        expect(seen.length).toBe(rows.length);
        expect(new Set(seen)).toEqual(new Set(rows));
      }
      for (const { batches } of steps) {
        expect(batches.length).toBeLessThanOrEqual(microBatches);
        expect(batches.flat().length).toBeLessThanOrEqual(batchSize * accumulate);
        for (const batch of batches) expect(batch.length).toBeGreaterThan(0);
      }
    }),
    { numRuns: 60 },
  );
});

test('a run that goes on sees what the whole run would have seen', () => {
  fc.assert(
    fc.property(plans, fc.nat(), ({ lengths, devices, ...options }, place) => {
      const rows = rowsOf(lengths);
      const plan = { ...options, microBatches: microBatchesOf(options, devices) };
      const steps = [...stepsAfter(0, rows, plan)];
      const done = place % (steps.length + 1);
      expect([...stepsAfter(done, rows, plan)]).toEqual(steps.slice(done));
    }),
    { numRuns: 60 },
  );
});

test('accumulation and devices cut a step without changing its rows', () => {
  const rows = rowsOf(Array.from({ length: 50 }, (_, i) => 1 + ((i * 7) % 31)));
  const stepsOf = (batchSize: number, accumulate: number, devices: number) => {
    const options = { epochs: 2, batchSize, accumulate, seed: 3 };
    const plan = { ...options, microBatches: microBatchesOf(options, devices) };
    return [...stepsAfter(0, rows, plan)].map(({ batches }) => ({
      count: batches.length,
      rows: batches.flat(),
    }));
  };
  const whole = stepsOf(12, 1, 1);
  for (const [batchSize, accumulate, devices, count] of [
    [6, 2, 1, 2],
    [4, 3, 2, 3],
    [12, 1, 4, 4],
    [6, 2, 3, 4],
  ] as const) {
    const cut = stepsOf(batchSize, accumulate, devices);
    expect(cut.map(step => step.rows)).toEqual(whole.map(step => step.rows));
    expect(cut[0]!.count).toBe(count);
  }
});
