import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { posting, type Serving, serving } from './tenants.ts';

let world: Serving;
beforeAll(async () => {
  world = await serving();
});
afterAll(() => world.remove());

async function ask(adapter: string, body: object) {
  const response = await world.app.request(`/models/${adapter}`, posting(world.key, body));
  return { response, body: (await response.json()) as unknown };
}

const scored = (label: string) => ({ label, score: expect.any(Number) });

describe('the Hugging Face shape', () => {
  it('nests labels and scores, also of one text', async () => {
    const { response, body } = await ask('support', { inputs: 'good' });
    expect(response.status).toBe(200);
    expect(response.headers.get('x-adapter-digest')).toBe(world.digests.support);
    expect(body).toEqual([[scored('refund'), scored('login'), scored('billing')]]);
  });

  it('obeys top_k and gives a list for each text', async () => {
    const { body } = await ask('support', { inputs: ['good', 'bad'], parameters: { top_k: 2 } });
    expect(body).toEqual([
      [scored('refund'), scored('login')],
      [scored('refund'), scored('login')],
    ]);
  });

  it('gives entities as a flat list, and a list of lists for several texts', async () => {
    const parameters = { aggregation_strategy: 'simple' };
    const entity = { entity_group: 'PER', score: expect.any(Number), word: 'Amanda', start: 5, end: 11 };
    expect((await ask('entities', { inputs: '😀 hi Amanda', parameters })).body).toEqual([entity]);
    expect((await ask('entities', { inputs: ['😀 hi Amanda', 'no'], parameters })).body).toEqual([
      [entity],
      [],
    ]);
  });

  it('gives an answer as an object, and as a list for top_k above 1', async () => {
    const inputs = { question: 'who', context: 'it was Margaret' };
    const answer = { answer: 'Margaret', score: expect.any(Number), start: 7, end: 15 };
    expect((await ask('answers', { inputs })).body).toEqual(answer);
    expect((await ask('answers', { inputs: [inputs] })).body).toEqual([answer]);
    const several = await ask('answers', { inputs, parameters: { top_k: 2, max_answer_len: 1 } });
    expect(several.body).toEqual([answer, { answer: 'was', score: expect.any(Number), start: 3, end: 6 }]);
  });

  it('gives an empty answer where there is none', async () => {
    const inputs = { question: 'who', context: 'it is' };
    const none = { answer: '', score: expect.any(Number), start: 0, end: 0 };
    expect((await ask('unsure', { inputs })).body).toEqual(none);
    expect((await ask('answers', { inputs: { question: 'who', context: '' } })).body).toEqual({
      ...none,
      score: 0,
    });
    const decided = await ask('unsure', { inputs, parameters: { handle_impossible_answer: false } });
    expect(decided.body).toMatchObject({ answer: 'it' });
  });

  it('takes an alias or a digest in the path, encoded or not', async () => {
    const digest = `sha256:${world.digests.support}`;
    for (const reference of [
      'support@live',
      'support%40live',
      `support@${digest}`,
      encodeURIComponent(`support@${digest}`),
    ])
      expect((await ask(reference, { inputs: 'good' })).response.headers.get('x-adapter-digest')).toBe(
        world.digests.support,
      );
  });

  it('passes over fields and parameters that it has no use for', async () => {
    const body = {
      inputs: 'good',
      parameters: { top_k: null, doc_stride: 5 },
      options: { wait_for_model: true },
    };
    expect((await ask('support', body)).response.status).toBe(200);
  });

  it('refuses parameters that would change the answer and are not there', async () => {
    const wrong = [{ function_to_apply: 'sigmoid' }, { aggregation_strategy: 'none' }, { top_k: 0 }];
    for (const parameters of wrong) {
      const { response, body } = await ask('support', { inputs: 'good', parameters });
      expect(response.status).toBe(422);
      expect(body).toMatchObject({ errors: [{ path: `parameters.${Object.keys(parameters)[0]}` }] });
    }
  });

  it('wants the inputs of the task that the adapter serves', async () => {
    const { response, body } = await ask('answers', { inputs: 'good' });
    expect(response.status).toBe(422);
    expect(body).toMatchObject({
      errors: [{ path: 'inputs', message: 'expected {question, context}, or an array of 1 to 4 of them' }],
    });
    expect((await ask('support', {})).response.status).toBe(422);
  });

  it('answers 404 to an unknown adapter and 422 to what is no reference', async () => {
    expect((await ask('nothing', { inputs: 'good' })).response.status).toBe(404);
    for (const path of ['a%2Fb', '..%2f..%2fother', 'support@', '%00', '%zz'])
      expect((await ask(path, { inputs: 'good' })).response.status).toBe(422);
  });
});
