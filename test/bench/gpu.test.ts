/** `bench gpu`: a row for every pairing, whatever fails; measured processes in turn; what dispatch is. */
import { describe, expect, test } from 'vitest';
import { inTurn, inTurnSettled, type Measured, startMeasured } from '../../trainer/bench/child.ts';
import { describeCpu, describeGpu, measureRows, type Pairing, type Row } from '../../trainer/bench/gpu.ts';

/** A process that answers each line with these milliseconds, and ends at line `last` with an error. */
const script = (ms: number, last = 1e9) => `
let line = 0;
console.log('ready');
require('node:readline').createInterface({ input: process.stdin }).on('line', () => {
  if (++line >= ${last}) { console.error('torch.OutOfMemoryError: CUDA out of memory.'); process.exit(1); }
  console.log(JSON.stringify({ ms: [${ms}, ${ms} + line], peakRssMb: 100 + line, issuingMs: [${ms} / 2], callsMs: [1] }));
});`;
const start = (...told: Parameters<typeof script>) =>
  startMeasured(process.execPath, ['-e', script(...told)]);
const outOfMemory = `${process.execPath} ended (torch.OutOfMemoryError: CUDA out of memory.)`;
const turns = { rounds: 3, stepsPerRound: 2 };

async function closing<T>(sides: (Measured | Error)[], use: () => Promise<T>): Promise<T> {
  return use().finally(() => {
    for (const side of sides) if (!(side instanceof Error)) side.close();
  });
}

describe('sides in turn', () => {
  test('are told by their medians after the first round, and their highest memory', async () => {
    const sides = [await start(10), await start(20)];
    const results = await closing(sides, () => inTurn(sides, turns));
    // Rounds 2, 3 and 4: 10 and 10 + round.
    expect(results[0]).toEqual({ ms: 12, issuingMs: 5, callsMs: 1, peakRssMb: 104 });
    expect(results[1]).toEqual({ ms: 22, issuingMs: 10, callsMs: 1, peakRssMb: 104 });
  });

  test('one that ends, or never starts, takes none of the others along', async () => {
    const missing = await startMeasured('no-such-program', []).catch((error: Error) => error);
    expect(missing).toBeInstanceOf(Error);
    const sides = [missing, await start(10, 3), await start(20)];
    const [absent, ended, whole] = await closing(sides, () => inTurnSettled(sides, turns));
    expect(absent).toMatchObject({ message: expect.stringContaining('no-such-program ended (spawn') });
    expect(ended).toMatchObject({ message: outOfMemory });
    expect(whole).toMatchObject({ ms: 22 });
  });

  test('where all are needed, the first failure is thrown', async () => {
    const sides = [await start(20), await start(10, 1)];
    await expect(closing(sides, () => inTurn(sides, turns))).rejects.toThrow(outOfMemory);
  });
});

describe('rows', () => {
  const pairing = (shape: string, ...starts: (() => Promise<Measured>)[]): Pairing => ({
    about: { shape },
    sides: starts.map((each, i) => ({ name: ['ours', 'torch'][i]!, start: each })),
    describe: (own, peer) => ({ ours: own.ms, ...(peer ? { torch: peer.ms } : {}) }),
  });

  test('are kept as they come, and one that fails says so in its place', async () => {
    const kept: Row[][] = [];
    await measureRows(
      [
        pairing(
          '32x128',
          () => start(10),
          () => start(20),
        ),
        pairing(
          '128x128',
          () => start(10),
          () => start(20, 2),
        ),
        pairing(
          '512x128',
          () => Promise.reject(new Error('out of device memory at 512 rows')),
          () => start(20),
        ),
        pairing('64x128', () => start(10)),
      ],
      async rows => void kept.push([...rows]),
    );
    expect(kept.map(rows => rows.length)).toEqual([1, 2, 3, 4]);
    expect(kept.at(-1)).toEqual([
      { shape: '32x128', ours: 12, torch: 22 },
      { shape: '128x128', ours: 12, failed: `torch: ${outOfMemory}` },
      { shape: '512x128', failed: 'ours: out of device memory at 512 rows' },
      { shape: '64x128', ours: 12 },
    ]);
  });

  const own = { ms: 20, issuingMs: 15, callsMs: 5, peakRssMb: 1000 };

  test('on a GPU dispatch is all that comes before waiting for the device', () => {
    const torch = { ms: 16, peakRssMb: 1 };
    expect(describeGpu(own, { torch, tokens: 4096 })).toEqual({
      ...{ 'ours ms': '20.0', 'tokens/s': 204_800, dispatch: '75 %', 'in JavaScript': '50 %' },
      ...{ 'torch ms': '16.0', 'time ratio': '1.25', bar: 'met' },
    });
    const slower = describeGpu(own, { torch: { ...torch, ms: 13 }, tokens: 4096 });
    expect(slower).toMatchObject({ 'time ratio': '1.54', bar: 'missed' });
    expect(describeGpu(own, { torch: undefined, tokens: 4096 })).not.toHaveProperty('bar');
  });

  test('on the CPU, where calls are the ops, it is what is outside of them', () => {
    const onnx = { ms: 10, peakRssMb: 500 };
    expect(describeCpu(own, onnx)).toMatchObject({
      ...{ dispatch: '50 %', 'time ratio': '2.00', 'memory ratio': '2.00', bars: 'missed' },
    });
    expect(describeCpu(own, { ...onnx, ms: 12 })).toMatchObject({ bars: 'met' });
  });
});
