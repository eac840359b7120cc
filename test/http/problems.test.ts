/** Several labels and regression over HTTP, in our shape and in Hugging Face's. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { posting, publish, type Serving, serving } from './tenants.ts';

let world: Serving;
beforeAll(async () => {
  world = await serving();
  const task = 'classification';
  const labels = ['calm', 'joy', 'love'];
  await publish(world.store, { tenant: 'acme', name: 'moods', task, labels, problem: 'multi-label' });
  await publish(world.store, {
    ...{ tenant: 'acme', name: 'sure', task, labels, problem: 'multi-label' },
    threshold: 0.8,
  });
  await publish(world.store, {
    ...{ tenant: 'acme', name: 'stars', task, labels: ['LABEL_0'], problem: 'regression' },
  });
});
afterAll(() => world.remove());

interface Reply {
  outputs: { label: string; score: number; scores: { label: string; score: number }[]; labels: string[] }[];
}

async function ask<Body = Reply>(path: string, body: object) {
  const response = await world.app.request(path, posting(world.key, body));
  return { status: response.status, body: (await response.json()) as Body };
}
const classify = (model: string, parameters: object = {}) =>
  ask('/v1/classification', { model, inputs: 'one', parameters });

// The fake engine's logits of a text of one word are 0, 1 and 2.
const [calm, joy, love] = [0, 1, 2].map(logit => 1 / (1 + Math.exp(-logit)));

describe('several labels', () => {
  test('each has a probability of its own, and those from one half on are given', async () => {
    const { status, body } = await classify('moods');
    expect(status).toBe(200);
    expect(body.outputs).toEqual([
      {
        label: 'love',
        score: expect.closeTo(love!, 12),
        scores: [
          { label: 'love', score: expect.closeTo(love!, 12) },
          { label: 'joy', score: expect.closeTo(joy!, 12) },
          { label: 'calm', score: calm },
        ],
        labels: ['love', 'joy', 'calm'],
      },
    ]);
  });

  test('the adapter’s threshold decides, or the one asked for; top_k cuts the scores alone', async () => {
    expect((await classify('sure')).body.outputs[0]!.labels).toEqual(['love']);
    expect((await classify('sure', { threshold: 0.7 })).body.outputs[0]!.labels).toEqual(['love', 'joy']);
    expect((await classify('moods', { threshold: 0.9 })).body.outputs[0]!.labels).toEqual([]);
    const { body } = await classify('moods', { top_k: 1 });
    expect(body.outputs[0]!.scores).toHaveLength(1);
    expect(body.outputs[0]!.labels).toHaveLength(3);
  });

  test('Hugging Face’s shape has the sigmoids, unless another function is asked for', async () => {
    const scoresOf = async (parameters: object) => {
      const { status, body } = await ask<{ score: number }[][]>('/models/moods', {
        inputs: 'one',
        parameters,
      });
      expect(status).toBe(200);
      return body[0]!.map(({ score }) => score);
    };
    const sigmoids = [love, joy, calm].map(score => expect.closeTo(score!, 12));
    expect(await scoresOf({})).toEqual(sigmoids);
    expect(await scoresOf({ function_to_apply: 'sigmoid' })).toEqual(sigmoids);
    expect(await scoresOf({ function_to_apply: 'none' })).toEqual([2, 1, 0]);
  });
});

describe('regression', () => {
  test('the number is the score of LABEL_0, and no label is given', async () => {
    const { body } = await classify('stars');
    expect(body.outputs).toEqual([
      { label: 'LABEL_0', score: 0, scores: [{ label: 'LABEL_0', score: 0 }], labels: [] },
    ]);
  });

  test('Hugging Face’s shape is that of its pipelines', async () => {
    const parameters = { function_to_apply: 'none' };
    expect(await ask('/models/stars', { inputs: 'one', parameters })).toEqual({
      status: 200,
      body: [[{ label: 'LABEL_0', score: 0 }]],
    });
  });
});

test('one label: the best is given, and a threshold is refused by name', async () => {
  expect((await classify('support')).body.outputs[0]!.labels).toEqual(['refund']);
  for (const model of ['support', 'stars'])
    expect(await classify(model, { threshold: 0.5 })).toMatchObject({
      status: 422,
      body: { errors: [{ path: 'parameters.threshold' }] },
    });
  expect((await classify('moods', { threshold: 1.5 })).status).toBe(422);
});
