/** The official clients of Hugging Face, JavaScript's and Python's, against a live server. */
import { spawn, spawnSync } from 'node:child_process';
import { text as textOf } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { InferenceClient } from '@huggingface/inference';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type PipelineServer, post, startPipelineServer } from '../golden/pipelines-server.ts';

let server: PipelineServer;
beforeAll(async () => {
  server = await startPipelineServer('wordpiece');
});
afterAll(() => server.close());

const text = '😀 Mara lives in Lisbon, and José works in Oslo.';
const inputs = { question: 'Where is Mara?', context: text };
/** What the server says to someone who uses no client. */
const plain = async (task: string, body: object) => (await post(server, `/models/${task}`, body)).body;

describe('@huggingface/inference', () => {
  const client = (task: string, key = server.key) =>
    new InferenceClient(key, { endpointUrl: `${server.url}/models/${task}` });

  it('classifies a text', async () => {
    const answer = await client('classification').textClassification({
      inputs: text,
      parameters: { top_k: 2, function_to_apply: 'sigmoid' },
    });
    const parameters = { top_k: 2, function_to_apply: 'sigmoid' };
    expect([answer]).toEqual(await plain('classification', { inputs: text, parameters }));
    expect(answer).toHaveLength(2);
  });

  it('finds entities, by the default and by a strategy', async () => {
    const entities = await client('sequence-labeling').tokenClassification({ inputs: text });
    expect(entities).toEqual(await plain('sequence-labeling', { inputs: text }));
    expect(entities.length).toBeGreaterThan(0);
    const parameters = { aggregation_strategy: 'simple', ignore_labels: ['O', 'LOC'] } as const;
    const others = await client('sequence-labeling').tokenClassification({
      inputs: text,
      parameters: { ...parameters, ignore_labels: [...parameters.ignore_labels] },
    });
    expect(others).toEqual(await plain('sequence-labeling', { inputs: text, parameters }));
    expect(new Set(others.map(entity => entity.entity_group))).toEqual(new Set(['PER']));
    for (const { word, start, end } of others) expect([...text].slice(start, end).join('')).toBe(word);
  });

  it('answers a question, with offsets that Python slices by', async () => {
    const parameters = { top_k: 1, max_seq_len: 40, doc_stride: 8, align_to_words: true };
    const answer = await client('question-answering').questionAnswering({ inputs, parameters });
    expect(answer).toEqual(await plain('question-answering', { inputs, parameters }));
    expect([...text].slice(answer.start, answer.end).join('')).toBe(answer.answer);
  });

  it('says what was wrong', async () => {
    const wrong = client('classification').textClassification({ inputs: text, parameters: { top_k: 0 } });
    await expect(wrong).rejects.toMatchObject({
      message: expect.stringContaining('parameters.top_k'),
      httpResponse: { status: 422, requestId: expect.stringMatching(/^[0-9a-f-]{36}$/) },
    });
    await expect(client('nothing').textClassification({ inputs: text })).rejects.toMatchObject({
      httpResponse: { status: 404 },
    });
    const stranger = client('classification', `vn_acme_${'x'.repeat(43)}`);
    await expect(stranger.textClassification({ inputs: text })).rejects.toMatchObject({
      httpResponse: { status: 401 },
    });
  });
});

const python = process.env.VENEER_PYTHON ?? 'python3';
const found = spawnSync(python, ['-c', 'import huggingface_hub'], { encoding: 'utf8' });
const lacks = found.status === 0 ? '' : `: ${python} has no huggingface_hub (set VENEER_PYTHON)`;

describe.skipIf(lacks)(`huggingface_hub${lacks}`, () => {
  it('gets the answers of all three tasks, and errors with their status', async () => {
    const pipeline = { aggregation_strategy: 'first', ignore_labels: ['O'], stride: 4 };
    const asked = { top_k: 1, max_answer_len: 5, align_to_words: false, handle_impossible_answer: true };
    const calls = [
      ['classification', 'text_classification', { text, top_k: 3, function_to_apply: 'none' }],
      ['sequence-labeling', 'token_classification', { text, ...pipeline }],
      ['question-answering', 'question_answering', { ...inputs, ...asked }],
      ['question-answering', 'question_answering', { ...inputs, top_k: 2 }],
      ['nothing', 'text_classification', { text }],
    ];
    const [classes, entities, answer, several, missing] = await askByPython(calls);
    const parameters = { top_k: 3, function_to_apply: 'none' };
    expect([classes]).toEqual(await plain('classification', { inputs: text, parameters }));
    // Python's objects have fields for what was not sent.
    const groups = (await plain('sequence-labeling', { inputs: text, parameters: pipeline })) as object[];
    expect(entities).toEqual(groups.map(group => ({ ...group, entity: null })));
    expect(groups.length).toBeGreaterThan(0);
    expect(answer).toEqual(await plain('question-answering', { inputs, parameters: asked }));
    expect(several).toEqual(await plain('question-answering', { inputs, parameters: { top_k: 2 } }));
    expect(several).toHaveLength(2);
    expect(missing).toMatchObject({ status: 404 });
  });
});

/** Not spawnSync: the server answers in this very process. */
async function askByPython(calls: unknown[]): Promise<unknown[]> {
  const child = spawn(python, [fileURLToPath(new URL('clients.py', import.meta.url))], {
    stdio: ['pipe', 'pipe', 'inherit'],
    env: { ...process.env, HF_HUB_DISABLE_TELEMETRY: '1' },
  });
  child.stdin.end(JSON.stringify({ url: server.url, key: server.key, calls }));
  return JSON.parse(await textOf(child.stdout));
}
