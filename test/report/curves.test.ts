import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { readCurves, thinned } from '../../trainer/report/curves.ts';
import { folderOf } from '../data/folder.ts';

const step = (step: number, loss: number) =>
  `${JSON.stringify({
    ...{ kind: 'step', step, epoch: 1, loss, learningRate: 0.01, gradientNorm: 2 },
    ...{ tokens: 100, milliseconds: 500 },
  })}\n`;
const evaluation = (step: number, f1: number) =>
  `${JSON.stringify({ kind: 'evaluation', step, epoch: 1, metrics: { f1 } })}\n`;
const read = async (files: { [name: string]: string }) => readCurves(await folderOf(files));

describe('the curves of a run', () => {
  test('are its steps and evaluations', async () => {
    const lines = step(1, 3) + step(2, 2) + evaluation(2, 0.7);
    expect(await read({ 'steps.jsonl': lines })).toEqual({
      points: [
        { at: 1, loss: 3, learningRate: 0.01, gradientNorm: 2 },
        { at: 2, loss: 2, learningRate: 0.01, gradientNorm: 2 },
      ],
      evaluations: [{ at: 2, metrics: { f1: 0.7 } }],
      total: { steps: 2, seconds: 1, tokens: 200 },
    });
  });

  test('are empty where it recorded nothing', async () => {
    expect(await read({})).toEqual({ points: [], evaluations: [] });
    expect(await read({ 'steps.jsonl': '' })).toEqual({ points: [], evaluations: [] });
  });

  test('count a step once where a resumed run took it again', async () => {
    const { points, evaluations, total } = await read({
      'steps.jsonl':
        step(1, 3) + step(2, 9) + evaluation(2, 0.1) + step(2, 2) + evaluation(2, 0.2) + step(3, 1),
    });
    expect(points.map(({ loss }) => loss)).toEqual([3, 2, 1]);
    expect(evaluations).toEqual([{ at: 2, metrics: { f1: 0.2 } }]);
    expect(total).toMatchObject({ steps: 3 });
  });

  test('leave out a line that was being written when the run was stopped, and kinds that are not known', async () => {
    const lines = `${step(1, 3)}{"kind":"note","text":"x"}\n${step(2, 2).slice(0, 30)}`;
    expect((await read({ 'steps.jsonl': lines })).points.length).toBe(1);
  });

  test.each([
    ['steps.jsonl', `${step(1, 3)}nonsense\n`, /steps\.jsonl:2: not JSON$/],
    ['steps.jsonl', `{"kind":"step","step":1}\n`, /steps\.jsonl:1: loss: .+/],
    ['steps.jsonl', '[]\n', /steps\.jsonl:1: .+/],
  ])('refuse a damaged %s: %j', async (name, content, message) => {
    const folder = await folderOf({ [name]: content });
    await expect(readCurves(folder)).rejects.toMatchObject({
      code: 'invalid_data',
      message: expect.stringMatching(message),
    });
    await expect(readCurves(join(folder, name))).rejects.toMatchObject({ code: 'invalid_data' });
  });
});

describe('thinning', () => {
  const points = Array.from({ length: 1000 }, (_, i) => ({ at: i + 1, loss: i + 1, learningRate: 1 }));

  test('takes the mean of stretches', () => {
    const few = thinned(points, 300);
    expect(few.length).toBe(250);
    expect(few[0]).toEqual({ at: 2.5, loss: 2.5, learningRate: 1 });
    expect(few.at(-1)).toEqual({ at: 998.5, loss: 998.5, learningRate: 1 });
  });

  test('keeps few points as they are', () => {
    expect(thinned(points.slice(0, 300), 300)).toEqual(points.slice(0, 300));
  });
});
