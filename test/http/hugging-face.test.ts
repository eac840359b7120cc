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
    // As in a pipeline: a list, unless there is but one.
    const single = { question: 'who', context: 'Margaret' };
    expect((await ask('answers', { inputs: single, parameters: { top_k: 2 } })).body).toMatchObject({
      answer: 'Margaret',
    });
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

  it('gives logits or probabilities of each label by itself where asked', async () => {
    const scores = async (function_to_apply: string) => {
      const { body } = await ask('support', { inputs: 'a b', parameters: { function_to_apply } });
      return (body as { score: number }[][])[0]!.map(({ score }) => score);
    };
    // The fake engine's logits are 0, 1 and 2 times the number of words.
    expect(await scores('none')).toEqual([4, 2, 0]);
    expect(await scores('sigmoid')).toEqual(
      [4, 2, 0].map(logit => expect.closeTo(1 / (1 + Math.exp(-logit)), 12)),
    );
    const total = Math.exp(4) + Math.exp(2) + 1;
    expect(await scores('softmax')).toEqual(
      [4, 2, 0].map(logit => expect.closeTo(Math.exp(logit) / total, 12)),
    );
  });

  it('gives every token its tag where tokens are not joined', async () => {
    const { body } = await ask('entities', {
      inputs: '😀 hi Amanda',
      parameters: { aggregation_strategy: 'none', ignore_labels: ['X'] },
    });
    const token = { score: expect.any(Number), word: expect.any(String) };
    expect(body).toEqual([
      { ...token, entity: 'O', index: 1, start: 0, end: 1 },
      { ...token, entity: 'O', index: 2, start: 2, end: 4 },
      { ...token, entity: 'B-PER', index: 3, start: 5, end: 11 },
    ]);
  });

  it('leaves out the types that are to be ignored', async () => {
    const parameters = { ignore_labels: ['PER'] };
    expect((await ask('entities', { inputs: 'hi Amanda', parameters })).body).toEqual([]);
  });

  it('cuts windows as the parameters say, and says how many there were', async () => {
    const text = 'a '.repeat(30);
    const windows = async (adapter: string, body: object) =>
      (await ask(adapter, body)).response.headers.get('x-compute-windows');
    expect(await windows('entities', { inputs: text })).toBe('3');
    // 14 words a window: 0-13, 4-17, 8-21, 12-25, 16-29.
    expect(await windows('entities', { inputs: text, parameters: { stride: 10 } })).toBe('5');
    expect(await windows('entities', { inputs: ['a', text, 'b'] })).toBe('1,3,1');
    const inputs = { question: 'b b b', context: text };
    const asked = async (parameters: object) => windows('answers', { inputs, parameters });
    // 30 words, 16 - 6 at a time, and 8 of them new.
    expect(await asked({})).toBe('4');
    expect(await asked({ doc_stride: 0 })).toBe('3');
    expect(await asked({ max_seq_len: 64 })).toBe('1');
    expect(await asked({ max_seq_len: 26, doc_stride: 10 })).toBe('2');
    expect(await asked({ max_seq_len: 26 })).toBe('3');
    expect(await asked({ max_question_len: 1, doc_stride: 0 })).toBe('3');
    expect(await asked({ max_question_len: 1, doc_stride: 2 })).toBe('3');
  });

  it('cuts a long question only where asked', async () => {
    const inputs = { question: 'b '.repeat(20), context: 'it was Margaret' };
    const refused = await ask('answers', { inputs });
    expect(refused.response.status).toBe(422);
    expect(refused.response.headers.get('x-adapter-digest')).toMatch(/^[0-9a-f]{64}$/);
    const { body, response } = await ask('answers', { inputs, parameters: { max_question_len: 3 } });
    expect(body).toMatchObject({ answer: 'Margaret', start: 7, end: 15 });
    expect(response.headers.get('x-compute-tokens')).toBe(String(3 + 3 + 3));
  });

  it('refuses parameters that cannot be obeyed, saying which', async () => {
    const inputs = { question: 'who', context: 'it is' };
    const wrong: [string, unknown, object][] = [
      ['support', 'good', { function_to_apply: 'tanh' }],
      ['support', 'good', { top_k: 0 }],
      ['support', 'good', { top_k: '1' }],
      ['entities', 'good', { aggregation_strategy: 'last' }],
      ['entities', 'good', { ignore_labels: 'O' }],
      ['entities', 'good', { stride: -1 }],
      ['answers', inputs, { max_answer_len: 0 }],
      ['answers', inputs, { max_seq_len: 4 }],
      ['answers', inputs, { doc_stride: 1.5 }],
      ['answers', inputs, { align_to_words: 'yes' }],
    ];
    for (const [adapter, inputs, parameters] of wrong) {
      const { response, body } = await ask(adapter, { inputs, parameters });
      expect(response.status).toBe(422);
      expect(body).toMatchObject({ errors: [{ path: `parameters.${Object.keys(parameters)[0]}` }] });
    }
    const { response, body } = await ask('answers', { inputs, parameters: { max_seq_len: 65 } });
    expect(response.status).toBe(422);
    expect(body).toMatchObject({ detail: expect.stringMatching(/^parameters\.max_seq_len: .* 64 tokens/) });
  });

  it('refuses a batch for one bad input, as a pipeline does', async () => {
    const { response, body } = await ask('support', { inputs: ['good', 7] });
    expect(response.status).toBe(422);
    expect(body).toMatchObject({ errors: [{ path: 'inputs.1' }] });
    const short = { question: 'who', context: 'it was Margaret' };
    const long = { question: 'b '.repeat(20), context: 'it was Margaret' };
    expect((await ask('answers', { inputs: [short, long] })).response.status).toBe(422);
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
