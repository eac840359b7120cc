/** The whole product on a two-layer model: build a base, train three adapters, push, serve, ask. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createKey } from '../functions/artifacts/keys.ts';
import type { TaskName } from '../functions/artifacts/names.ts';
import { float32, readSafetensors } from '../functions/artifacts/safetensors.ts';
import { createApp } from '../functions/http/app.ts';
import { openServices } from '../functions/http/services.ts';
import { publish } from '../functions/publish.ts';
import { openDirectoryStore } from '../functions/store/directory.ts';
import type { Store } from '../functions/store/store.ts';
import { readAdapterDirectory } from '../trainer/adapter-directory.ts';
import { evaluateAdapter } from '../trainer/commands/evaluate.ts';
import { pullBase } from '../trainer/commands/pull-base.ts';
import { trainDefaults } from '../trainer/commands/train.ts';
import { onnxEngine } from '../trainer/engines/onnx.ts';
import { type TrainResult, train } from '../trainer/train.ts';
import type { TrainOptions } from '../trainer/train-options.ts';
import { writeTinyBase } from './tiny-base.ts';

const names = ['mara', 'jonas'];
const places = ['lisbon', 'oslo'];
const silent = { log: () => {}, onStep: () => {}, onEvaluate: () => {} };
interface Answer {
  outputs: unknown[];
  usage: { windows: number[] };
}

const openings = ['', 'please ', 'again ', 'the order: '];

const classification = openings.flatMap(opening =>
  [
    ['parcel', 'the parcel was late'],
    ['parcel', 'the parcel arrived broken'],
    ['refund', 'refund the money'],
    ['refund', 'the refund is late'],
    ['praise', 'great, love it'],
    ['praise', 'thanks, great order'],
  ].map(([label, text]) => `${opening}${text}\t${label}`),
);
const conll = names.flatMap(name =>
  places.flatMap(place => [
    `🎉 O\n${name} B-PER\nlives O\nin O\n${place} B-LOC\n. O\n`,
    `${name} B-PER\nworks O\nat O\n${place} B-LOC\n. O\n`,
    `great O\n, O\nthanks O\n${name} B-PER\n. O\n`,
    `the O\nparcel O\nfrom O\n${place} B-LOC\nto O\n${name} B-PER\n`,
    `the O\norder O\nwas O\nlate O\n`,
  ]),
);
const squad = {
  version: 'v2.0',
  data: [
    {
      title: 'tiny',
      paragraphs: names.flatMap((name, i) =>
        places.map(place => ({
          context: `${name} lives in ${place}. ${names[1 - i]} likes red.`,
          qas: [
            {
              id: `${name}-${place}-1`,
              question: `where is ${name}?`,
              answers: [{ text: place, answer_start: name.length + 10 }],
            },
            { id: `${name}-${place}-2`, question: 'who lives?', answers: [{ text: name, answer_start: 0 }] },
          ],
        })),
      ),
    },
  ],
};

let folder: string;
let store: Store;
const trained = new Map<string, TrainResult>();

async function run(
  task: TaskName,
  data: string,
  overrides: Partial<TrainOptions> = {},
): Promise<TrainResult> {
  return train(
    store,
    onnxEngine({ threads: 1 }),
    {
      ...trainDefaults,
      base: 'tiny',
      task,
      data: join(folder, data),
      out: join(folder, `out-${task}`),
      evalData: join(folder, data),
      columns: task === 'classification' ? { textColumn: '1', labelColumn: '2' } : {},
      epochs: 30,
      batchSize: 8,
      learningRate: 0.01,
      threads: 1,
      ...overrides,
    },
    silent,
  );
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'veneer-tiny-'));
  store = openDirectoryStore(join(folder, 'store'));
  await writeTinyBase(join(folder, 'tiny'));
  await pullBase(store, { wanted: join(folder, 'tiny'), force: false }, () => {});
  await writeFile(join(folder, 'train.tsv'), classification.join('\n'));
  await writeFile(join(folder, 'train.conll'), conll.join('\n'));
  await writeFile(join(folder, 'train.json'), JSON.stringify(squad));
  trained.set('topic', await run('classification', 'train.tsv'));
  trained.set('people', await run('sequence-labeling', 'train.conll'));
  trained.set('facts', await run('question-answering', 'train.json', { epochs: 60 }));
  for (const [name, { out }] of trained)
    await publish(store, await readAdapterDirectory(out), {
      tenant: 'acme',
      name,
      alias: 'live',
      minMetrics: {},
    });
});
afterAll(() => rm(folder, { recursive: true, force: true }));

describe('training', () => {
  test('each task is learned, as served', () => {
    expect(trained.get('topic')!.metrics.accuracy).toBe(1);
    expect(trained.get('people')!.metrics.f1).toBe(1);
    expect(trained.get('facts')!.metrics.f1).toBeGreaterThan(90);
  });

  test('evaluate measures what training put into the manifest', async () => {
    for (const [file, { out, metrics }] of [
      ['train.conll', trained.get('people')!] as const,
      ['train.json', trained.get('facts')!] as const,
    ]) {
      const options = { adapter: out, data: join(folder, file), columns: {}, threads: 1 };
      const evaluated = await evaluateAdapter(store, options, () => {});
      expect(evaluated.metrics).toEqual(metrics);
    }
  });

  test('the same seed gives the same bytes', async () => {
    const out = join(folder, 'again');
    await run('sequence-labeling', 'train.conll', { out });
    const files = ['adapter.safetensors', 'manifest.json'];
    for (const file of files)
      expect(await readFile(join(out, file))).toEqual(await readFile(join(trained.get('people')!.out, file)));
  });

  test('accumulated batches equal one large batch', async () => {
    // All rows in one step, so both runs see the same rows; the last parameters are kept where nothing is evaluated.
    const rows = classification.length;
    const values = await Promise.all(
      [1, 2, 3].map(async accumulate => {
        const out = join(folder, `accumulate-${accumulate}`);
        const batchSize = Math.ceil(rows / accumulate);
        await run('classification', 'train.tsv', {
          accumulate,
          batchSize,
          out,
          epochs: 3,
          evalData: undefined,
        });
        const file = await readFile(join(out, 'checkpoint.safetensors'));
        return [...readSafetensors(file, 'checkpoint')]
          .filter(([name]) => name.startsWith('value:'))
          .flatMap(([, tensor]) => [...float32(tensor)]);
      }),
    );
    for (const other of values.slice(1))
      other.forEach((value, i) => {
        expect(Math.abs(value - values[0]![i]!)).toBeLessThan(1e-4);
      });
  });

  test('a loss that is no number stops the run, keeps the checkpoint and leaves no manifest', async () => {
    const out = join(folder, 'diverged');
    await expect(
      run('classification', 'train.tsv', { out, learningRate: 1e38, epochs: 5 }),
    ).rejects.toMatchObject({
      code: 'training_failed',
    });
    await expect(readAdapterDirectory(out)).rejects.toMatchObject({ code: 'not_found' });
  });

  test('patience stops before the last epoch', async () => {
    const out = join(folder, 'patient');
    const { steps } = await run('classification', 'train.tsv', { out, epochs: 40, patience: 2 });
    expect(steps).toBeLessThan(40 * 3);
  });
});

describe('serving', () => {
  const ask = async (path: string, body: unknown, tenant = 'acme') => {
    const services = openServices({ store, cacheDir: join(folder, 'cache'), workers: 1 });
    const { key } = await createKey(store, { tenant, scopes: ['predict'], expiresAt: null });
    const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json' };
    const response = await createApp(services).request(path, {
      method: 'POST',
      headers,
      body: JSON.stringify(body),
    });
    const answer = { status: response.status, body: (await response.json()) as Answer };
    await services.close();
    return answer;
  };

  test('a classification', async () => {
    const { status, body } = await ask('/v1/classification', {
      model: 'topic',
      inputs: ['Please refund the MONEY'],
    });
    expect(status).toBe(200);
    expect(body.outputs[0]).toMatchObject({ label: 'refund' });
  });

  test('entities with exact offsets, behind emoji and capitals', async () => {
    const inputs = '🎉 MARA lives in Lisbon.';
    const { body } = await ask('/v1/sequence-labeling', { model: 'people', inputs });
    expect((body.outputs[0] as { entities: unknown[] }).entities).toMatchObject([
      { entity_group: 'PER', word: 'MARA', start: 2, end: 6 },
      { entity_group: 'LOC', word: 'Lisbon', start: 16, end: 22 },
    ]);
  });

  test('an answer out of a passage of many windows', async () => {
    const filler = 'The parcel was late again. '.repeat(40);
    const context = `${filler}Mara lives in Oslo. Jonas likes red.`;
    const inputs = { question: 'where is Mara?', context };
    const { body } = await ask('/v1/question-answering', { model: 'facts', inputs });
    const [answer] = (body.outputs[0] as { answers: { answer: string; start: number; end: number }[] })
      .answers;
    expect(context.slice(answer!.start, answer!.end)).toBe(answer!.answer);
    expect(body.usage.windows[0]).toBeGreaterThan(1);
  });

  test('the Hugging Face shape', async () => {
    const { body } = await ask('/models/topic', { inputs: 'great, thanks', parameters: { top_k: 2 } });
    expect(body).toMatchObject([[{ label: 'praise' }, {}]]);
  });

  test('another task is refused, another tenant sees nothing', async () => {
    expect((await ask('/v1/sequence-labeling', { model: 'topic', inputs: 'x' })).status).toBe(409);
    expect((await ask('/v1/classification', { model: 'topic', inputs: 'x' }, 'other')).status).toBe(404);
  });
});
