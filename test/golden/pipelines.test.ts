/**
 * The Hugging Face shape of a live server against the transformers pipelines, with the same weights (pipelines/, written by
 * pipelines.py): labels, tags, spans and their order are equal, scores within the tolerance.
 */
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { TaskName } from '../../functions/artifacts/names.ts';
import { type PipelineServer, post, recorded, startPipelineServer } from './pipelines-server.ts';

interface Item {
  score: number;
  word?: string;
  [field: string]: unknown;
}

interface Case {
  task: TaskName;
  base: 'wordpiece' | 'unigram';
  inputs: string;
  parameters: Record<string, unknown>;
  answer: unknown;
}

const { inputs: inputsByName, cases } = JSON.parse(readFileSync(recorded('answers.json'), 'utf8')) as {
  inputs: Record<string, unknown>;
  cases: Case[];
};

/** float32 in both, by other kernels; recorded to six places. */
const tolerance = 1e-4;

const servers = {} as Record<Case['base'], PipelineServer>;
beforeAll(async () => {
  for (const base of ['wordpiece', 'unigram'] as const) servers[base] = await startPipelineServer(base);
});
afterAll(async () => {
  for (const server of Object.values(servers)) await server.close();
});

const isItem = (value: unknown): value is Item =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/**
 * What must be equal, with scores by their tolerance. The words of entities are made by a decoder in transformers, which
 * loses case, accents and spaces, and a prefix that stands for no text; ours are what the text says.
 */
function expected(value: unknown): unknown {
  if (!isItem(value)) return Array.isArray(value) ? value.map(expected) : value;
  const { score, word, ...rest } = value;
  const close = expect.toSatisfy((ours: number) => Math.abs(ours - score) <= tolerance);
  const plain = plainWord(value);
  return { ...rest, score: close, ...(word === undefined ? {} : { word: plain || expect.any(String) }) };
}

function plainWord({ word = '', entity_group }: Item): string {
  if (entity_group === undefined) return word;
  const plain = word.normalize('NFD').replace(/\p{M}|\s/gu, '');
  return plain.toLowerCase().replace(/^##/, '');
}

function shown(value: unknown): unknown {
  if (!isItem(value)) return Array.isArray(value) ? value.map(shown) : value;
  return value.word === undefined ? value : { ...value, word: plainWord(value) };
}

const title = ({ task, base, inputs, parameters }: Case) =>
  `${task}, ${base}, ${inputs}: ${JSON.stringify(parameters)}`;

describe('the Hugging Face shape is that of the pipeline', () => {
  test.each(cases.map(each => [title(each), each] as const))('%s', async (_, each) => {
    const { task, base, inputs, parameters, answer } = each;
    const { status, body } = await post(servers[base], `/models/${task}`, {
      inputs: inputsByName[inputs],
      parameters,
    });
    expect(status, JSON.stringify(body)).toBe(200);
    expect(shown(body)).toEqual(expected(answer));
  });
});

describe('text-embeddings-inference', () => {
  const ofCase = (inputs: string, wanted: object) =>
    cases.find(
      each =>
        each.task === 'classification' &&
        each.inputs === inputs &&
        JSON.stringify(each.parameters) === JSON.stringify(wanted),
    )!.answer as unknown[];

  test('/predict gives probabilities of one text, a pair and a batch', async () => {
    const server = servers.wordpiece;
    const { text, text_pair } = inputsByName.pair as { text: string; text_pair: string };
    const asked = async (inputs: unknown) =>
      (await post(server, '/models/classification/predict', { inputs })).body;
    expect(await asked(inputsByName.sentence)).toEqual(expected(ofCase('sentence', {})[0]));
    expect(await asked([text, text_pair])).toEqual(expected(ofCase('pair', {})[0]));
    const batch = [[inputsByName.sentence], [text, text_pair]];
    expect(await asked(batch)).toEqual(expected([ofCase('sentence', {})[0], ofCase('pair', {})[0]]));
  });
});

test('the cases cover every strategy, windows, and answers of all kinds', () => {
  const all = (key: string) => new Set(cases.map(({ parameters }) => parameters[key]));
  expect(all('aggregation_strategy').size).toBe(6);
  expect(all('function_to_apply')).toEqual(new Set([undefined, 'sigmoid', 'none']));
  expect(all('stride')).toEqual(new Set([undefined, 0, 4, 12]));
  const answers = JSON.stringify(cases.map(({ answer }) => answer));
  for (const label of [
    '"entity":"O"',
    '"entity":"B-PER"',
    '"entity_group":"O"',
    '"entity_group":"LOC"',
    '"answer":""',
  ])
    expect(answers).toContain(label);
});
