import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { limits, posting, type Serving, serving } from './tenants.ts';

interface Place {
  score: number;
  start: number;
  end: number;
}

/** The answers of all tasks together. */
interface Reply {
  task: string;
  model: object;
  outputs: {
    label: string;
    score: number;
    scores: { label: string; score: number }[];
    entities: (Place & { entity_group: string; word: string })[];
    answers: (Place & { answer: string })[];
  }[];
  usage: object;
}

let world: Serving;
beforeAll(async () => {
  world = await serving();
});
afterAll(() => world.remove());

async function ask(task: string, body: object) {
  const response = await world.app.request(`/v1/${task}`, posting(world.key, body));
  return { response, body: (await response.json()) as Reply };
}

/** exp(i * words) over its sum, for labels 0, 1 and 2: what the fake engine's logits make. */
function probabilities(words: number): number[] {
  const powers = [0, 1, 2].map(i => Math.exp(i * words));
  return powers.map(power => power / powers.reduce((sum, value) => sum + value));
}

describe('classification', () => {
  it('answers one text with all labels, most probable first', async () => {
    const { response, body } = await ask('classification', { model: 'support', inputs: 'my card' });
    expect(response.status).toBe(200);
    expect(response.headers.get('x-adapter-digest')).toBe(world.digests.support);
    expect(response.headers.get('server-timing')).toMatch(
      /^authenticate;dur=[\d.]+, base;dur=[\d.]+, adapter;dur=.*tokenize;dur=.*queue;dur=.*run;dur=.*decode;dur=[\d.]+$/,
    );
    expect(body.task).toBe('classification');
    expect(body.model).toEqual({ name: 'support', digest: world.digests.support });
    // [CLS] my card [SEP]
    expect(body.usage).toEqual({ tokens: 4, windows: [1] });
    const [billing, login, refund] = probabilities(2);
    expect(body.outputs).toHaveLength(1);
    expect(body.outputs[0]!.label).toBe('refund');
    expect(body.outputs[0]!.score).toBeCloseTo(refund!, 12);
    expect(body.outputs[0]!.scores.map(s => s.label)).toEqual(['refund', 'login', 'billing']);
    expect(body.outputs[0]!.scores[1]!.score).toBeCloseTo(login!, 12);
    expect(body.outputs[0]!.scores[2]!.score).toBeCloseTo(billing!, 12);
  });

  it('answers several texts, pairs among them, in their order', async () => {
    const inputs = ['a b c', 'a', { text: 'a', text_pair: 'a b' }, ''];
    const { body } = await ask('classification', { model: 'support@live', inputs });
    const scores = body.outputs.map(output => output.score);
    // The pair slides over its second text, which has two words.
    [3, 1, 2, 0].forEach((words, i) => {
      expect(scores[i]).toBeCloseTo(probabilities(words)[2]!, 12);
    });
    expect(body.usage).toEqual({ tokens: 5 + 3 + 6 + 2, windows: [1, 1, 1, 1] });
  });

  it('cuts the scores at top_k and keeps the label', async () => {
    const { body } = await ask('classification', { model: 'support', inputs: 'a', parameters: { top_k: 1 } });
    expect(body.outputs[0]!.scores).toEqual([{ label: 'refund', score: body.outputs[0]!.score }]);
  });

  it('takes a version by its digest', async () => {
    const { body } = await ask('classification', {
      model: `support@sha256:${world.digests.support}`,
      inputs: 'a',
    });
    expect(body.model).toEqual({ name: 'support', digest: world.digests.support });
  });

  it('says how many windows a long text took', async () => {
    const inputs = ['a', 'a '.repeat(30)];
    const { body } = await ask('classification', { model: 'support', inputs });
    // 14 words a window, 2 of them shared: 0-13, 12-25, 24-29.
    expect(body.usage).toEqual({ tokens: 3 + 16 + 16 + 8, windows: [1, 3] });
  });

  it('answers the good ones of several texts, with an error in the place of each bad one', async () => {
    const inputs = ['a', 7, { text: 'a', textpair: 'b' }, 'b'.repeat(limits.maxTextLength + 1)];
    const { response, body } = await ask('classification', { model: 'support', inputs });
    expect(response.status).toBe(200);
    const [good, ...bad] = body.outputs;
    expect(good).toMatchObject({ label: 'refund' });
    expect(bad).toEqual(
      bad.map((_, i) => ({
        error: {
          code: 'invalid_request',
          message: expect.stringMatching(new RegExp(`^inputs\\.${i + 1}`)),
          errors: [
            { path: expect.stringMatching(new RegExp(`^inputs\\.${i + 1}`)), message: expect.any(String) },
          ],
        },
        status: 422,
      })),
    );
    expect(body.usage).toEqual({ tokens: 3, windows: [1, 0, 0, 0] });
    expect(response.headers.get('x-compute-windows')).toBe('1,0,0,0');
    const none = await ask('classification', { model: 'support', inputs: [7] });
    expect(none.body).toMatchObject({ outputs: [{ status: 422 }], usage: { tokens: 0, windows: [0] } });
  });

  it('says what it took in headers too, with the id of the request', async () => {
    const { response } = await ask('classification', { model: 'support', inputs: ['a', 'a '.repeat(30)] });
    expect(response.headers.get('x-compute-tokens')).toBe(String(3 + 16 + 16 + 8));
    expect(response.headers.get('x-compute-windows')).toBe('1,3');
    expect(response.headers.get('x-request-id')).toMatch(/^[0-9a-f-]{36}$/);
  });

  it('reads a body as JSON whatever its content type says', async () => {
    const request = posting(world.key, { model: 'support', inputs: 'a' }, { 'content-type': 'text/plain' });
    expect((await world.app.request('/v1/classification', request)).status).toBe(200);
  });
});

describe('sequence labeling', () => {
  const text = '👋 hi Amanda 🚀 and Charles';

  it('gives offsets in code points', async () => {
    const { body } = await ask('sequence-labeling', { model: 'entities', inputs: [{ text }, 'no'] });
    const score = expect.closeTo(Math.exp(5) / (Math.exp(5) + 2), 12);
    expect(body.outputs).toEqual([
      {
        entities: [
          { entity_group: 'PER', score, word: 'Amanda', start: 5, end: 11 },
          { entity_group: 'PER', score, word: 'Charles', start: 18, end: 25 },
        ],
      },
      { entities: [] },
    ]);
  });

  it('gives offsets in UTF-16 where asked', async () => {
    const { body } = await ask('sequence-labeling', {
      model: 'entities',
      inputs: text,
      parameters: { offset_encoding: 'utf16' },
    });
    expect(body.outputs[0]!.entities).toMatchObject([
      { word: 'Amanda', start: 6, end: 12 },
      { word: 'Charles', start: 20, end: 27 },
    ]);
  });
});

describe('question answering', () => {
  const inputs = { question: 'who', context: '😀 it was Margaret ok' };

  it('gives the best span with offsets into the context', async () => {
    const { body } = await ask('question-answering', { model: 'answers', inputs });
    expect(body.outputs).toEqual([
      { answers: [{ answer: 'Margaret', score: expect.any(Number), start: 9, end: 17 }] },
    ]);
    // Places of length 2, 2, 3, 8 and 2; starts and ends alike.
    const total = [2, 2, 3, 8, 2].reduce((sum, length) => sum + Math.exp(length), 0);
    expect(body.outputs[0]!.answers[0]!.score).toBeCloseTo((Math.exp(8) / total) ** 2, 9);
    const utf16 = { model: 'answers', inputs, parameters: { offset_encoding: 'utf16' } };
    expect((await ask('question-answering', utf16)).body.outputs[0]!.answers[0]).toMatchObject({
      start: 10,
      end: 18,
    });
  });

  describe('over a conversation', () => {
    const turns = [
      { speaker: 'anna', text: 'who was it' },
      { speaker: 'bartholomew', text: '😀 it was Margaret ok' },
    ];
    const answerOf = async (context: unknown, parameters = {}) => {
      const inputs = [{ question: 'who', context }];
      const { body } = await ask('question-answering', { model: 'answers', inputs, parameters });
      return body.outputs[0] as unknown as { answers?: object[]; error?: object };
    };

    it('says which turn answers, with offsets inside it; the longer speaker is no answer', async () => {
      const answer = { answer: 'Margaret', score: expect.any(Number), start: 9, end: 17, turn: 1 };
      expect(await answerOf(turns)).toEqual({ answers: [answer] });
      expect(await answerOf(turns, { offset_encoding: 'utf16' })).toEqual({
        answers: [{ ...answer, start: 10, end: 18 }],
      });
    });

    it('answers a transformers client as well', async () => {
      const body = { inputs: { question: 'who', context: turns } };
      const response = await world.app.request('/models/answers', posting(world.key, body));
      expect(await response.json()).toMatchObject({ answer: 'Margaret', start: 9, end: 17, turn: 1 });
    });

    it.each([
      ['no turns', []],
      ['a turn without a speaker', [{ text: 'hello' }]],
      ['an empty speaker', [{ speaker: '', text: 'hello' }]],
      ['more of a turn than is known', [{ speaker: 'a', text: 'b', time: 1 }]],
      ['a number', 5],
    ])('refuses %s', async (_, context) => {
      expect(await answerOf(context)).toMatchObject({ error: { code: 'invalid_request' }, status: 422 });
    });
  });

  it('gives several spans, best first, and no longer ones than asked for', async () => {
    const { body } = await ask('question-answering', {
      model: 'answers',
      inputs,
      parameters: { top_k: 3, max_answer_tokens: 1 },
    });
    expect(body.outputs[0]!.answers.map(a => a.answer)).toEqual(['Margaret', 'was', '😀']);
  });

  it('says "none" only if the adapter learned to, or if the request decides', async () => {
    const plain = { question: 'who', context: 'it is so' };
    const best = async (model: string, parameters: object) => {
      const { body } = await ask('question-answering', { model, inputs: plain, parameters });
      return body.outputs[0]!.answers[0]!;
    };
    expect(await best('unsure', {})).toEqual({ answer: '', score: expect.any(Number), start: 0, end: 0 });
    expect((await best('answers', {})).answer).toBe('it');
    expect((await best('unsure', { no_answer: false })).answer).toBe('it');
    expect((await best('answers', { no_answer: true })).answer).toBe('');
  });

  it('answers the others where one question leaves no room for its context', async () => {
    const long = { question: 'b '.repeat(20), context: 'it was so' };
    const { body } = await ask('question-answering', { model: 'answers', inputs: [inputs, long, inputs] });
    expect(body.outputs[0]!.answers[0]).toMatchObject({ answer: 'Margaret' });
    expect(body.outputs[1]).toEqual({
      error: { code: 'invalid_request', message: expect.stringContaining('shorten the question') },
      status: 422,
    });
    expect(body.outputs[2]).toEqual(body.outputs[0]);
    expect(body.usage).toMatchObject({ windows: [1, 0, 1] });
  });

  it('has no answers for an empty context', async () => {
    const { body } = await ask('question-answering', {
      model: 'answers',
      inputs: { question: 'who', context: '' },
    });
    expect(body.outputs).toEqual([{ answers: [] }]);
  });
});
