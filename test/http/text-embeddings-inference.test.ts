import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { posting, type Serving, serving } from './tenants.ts';

let world: Serving;
beforeAll(async () => {
  world = await serving();
});
afterAll(() => world.remove());

async function ask(path: string, body: object, key = world.key) {
  const response = await world.app.request(path, posting(key, body));
  return { response, body: (await response.json()) as unknown };
}

const predict = (body: object) => ask('/models/support/predict', body);
const labels = ['refund', 'login', 'billing'];
/** What the fake engine's logits make: 0, 1 and 2 times the number of words. */
const predictions = (words: number) => {
  const powers = [2, 1, 0].map(i => Math.exp(i * words));
  const total = powers.reduce((sum, power) => sum + power);
  return labels.map((label, i) => ({ label, score: expect.closeTo(powers[i]! / total, 12) }));
};

describe('the shape of text-embeddings-inference', () => {
  it('gives one list for a text, and for a pair', async () => {
    const { response, body } = await predict({ inputs: 'my card' });
    expect(response.status).toBe(200);
    expect(body).toEqual(predictions(2));
    expect((await predict({ inputs: ['my card'] })).body).toEqual(predictions(2));
    // The fake engine sees the words of the text that slides, the second one.
    expect((await predict({ inputs: ['a', 'a b c'] })).body).toEqual(predictions(3));
  });

  it('gives a list for each of a batch, also of one', async () => {
    const inputs = [['a b'], ['a', 'a b c'], ['a']];
    expect((await predict({ inputs })).body).toEqual([2, 3, 1].map(predictions));
    expect((await predict({ inputs: [['a']] })).body).toEqual([predictions(1)]);
  });

  it('gives logits for raw scores, the highest first', async () => {
    const { body } = await predict({ inputs: 'a b', raw_scores: true });
    expect(body).toEqual([4, 2, 0].map((score, i) => ({ score, label: labels[i] })));
  });

  it('reads a long text in windows, and cuts it only where asked', async () => {
    const inputs = 'a '.repeat(30);
    const whole = await predict({ inputs });
    expect(whole.response.headers.get('x-compute-windows')).toBe('3');
    const cut = await predict({ inputs, truncate: true, raw_scores: true });
    expect(cut.response.headers.get('x-compute-windows')).toBe('1');
    expect(cut.body).toMatchObject([{ score: 28 }, { score: 14 }, { score: 0 }]);
  });

  it('finds the adapter in the path or in the body', async () => {
    const named = await ask('/predict', { model: 'support@live', inputs: 'a' });
    expect(named.body).toEqual(predictions(1));
    expect(named.response.headers.get('x-adapter-digest')).toBe(world.digests.support);
    const inPath = await ask(`/models/support@sha256:${world.digests.support}/predict`, { inputs: 'a' });
    expect(inPath.body).toEqual(predictions(1));
    expect((await ask('/predict', { inputs: 'a' })).body).toMatchObject({ errors: [{ path: 'model' }] });
  });

  it('refuses what is no input, saying what is', async () => {
    const wrong = [
      7,
      [],
      ['a', 'b', 'c'],
      [[]],
      [['a'], 'b'],
      [['a', 'b', 'c']],
      [['a'], [7]],
      { text: 'a' },
    ];
    for (const inputs of [...wrong, Array.from({ length: 5 }, () => ['a'])]) {
      const { response, body } = await predict({ inputs });
      expect(response.status, JSON.stringify(inputs)).toBe(422);
      expect(body).toMatchObject({ errors: [{ path: expect.stringMatching(/^inputs/) }] });
    }
    expect((await predict({ inputs: 'a', truncation_direction: 'Left' })).response.status).toBe(422);
    expect((await predict({ inputs: 'a', raw_scores: 'yes' })).response.status).toBe(422);
  });

  it('needs a key, and an adapter of its owner that classifies', async () => {
    const { response } = await ask('/predict', { model: 'support', inputs: 'a' }, world.otherKey);
    expect(response.status).toBe(404);
    for (const path of ['/predict', '/models/support/predict'])
      expect((await world.app.request(path, { method: 'POST', body: '{' })).status).toBe(401);
    expect((await ask('/models/entities/predict', { inputs: 'a' })).response.status).toBe(409);
  });
});
