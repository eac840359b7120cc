/** Task quality of a frozen base, on data whose answer is known: what every encoder can tell apart, and what none can. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BaseManifest } from '../../functions/artifacts/manifests.ts';
import { type BuiltBase, buildBase } from '../../trainer/base/build.ts';
import { measureProbes, type ProbeData, readProbeData } from '../../trainer/base/probe.ts';
import { uniform } from '../../trainer/random.ts';
import { writeTinyBase } from '../tiny-base.ts';

let folder: string;
const built = new Map<string, BuiltBase>();

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'veneer-probe-test-'));
  const directory = await writeTinyBase(join(folder, 'tiny'));
  const source = { directory, location: 'made by a test', licence: 'none' };
  for (const precision of ['fp32', 'int8'] as const)
    built.set(precision, await buildBase('tiny', source, precision));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const where = 'nowhere';
const filler = ['the', 'parcel', 'was', 'late', 'again', 'please', 'thanks', 'on'];
const words = (seed: number, count: number) =>
  Array.from({ length: count }, (_, i) => filler[Math.floor(uniform({ seed: 2, stream: seed }, i) * 8)]!);

/** `love` and `hate` decide the class, capital colours are entities, and a question is its passage again. */
function easy(): ProbeData {
  const numbers = Array.from({ length: 24 }, (_, i) => i);
  return {
    classification: numbers.map(i => {
      const [label, mark] = i % 2 ? ['good', 'love love love'] : ['bad', 'hate hate hate'];
      return { text: `${mark} ${words(i, 3).join(' ')}`, labels: [label!], where };
    }),
    sequenceLabeling: numbers.map(i => {
      const [colour, name] = [i % 2 ? 'red' : 'blue', i % 3 ? 'mara' : 'jonas'];
      return {
        words: ['the', colour, 'parcel', name, 'again'],
        tags: ['O', 'B-COLOUR', 'O', 'B-PERSON', 'O'],
        where,
      };
    }),
    questionAnswering: numbers.map(i => {
      const text = words(100 + i, 9).join(' ');
      const answers = i % 8 ? [{ text: text.slice(0, 3), start: 0 }] : [];
      return { id: `${i}`, question: text, context: text, answers, where };
    }),
  };
}

/** The same texts with labels, tags and passages that have nothing to do with them. */
function hopeless(): ProbeData {
  const data = easy();
  return {
    classification: data.classification.map((example, i) => ({
      ...example,
      text: 'the parcel',
      label: i % 2 ? 'good' : 'bad',
    })),
    sequenceLabeling: data.sequenceLabeling.map((example, i) => ({
      ...example,
      words: ['the', 'the', 'the', 'the', 'the'],
      tags: i < 12 ? ['B-COLOUR', 'O', 'O', 'O', 'O'] : ['O', 'O', 'B-COLOUR', 'O', 'O'],
    })),
    questionAnswering: data.questionAnswering.map((example, i, all) => ({
      ...example,
      question: all[(i + 1) % all.length]!.context,
    })),
  };
}

describe('the probes of a base', () => {
  it.each(['fp32', 'int8'])('find what is easily told apart, in %s', async precision => {
    const probes = await measureProbes(built.get(precision)!, easy());
    expect(probes).toEqual({
      classification: { metric: 'ridge_leave_one_out_accuracy', float32: 1, served: 1 },
      sequenceLabeling: { metric: 'ridge_entity_f1', float32: 1, served: 1 },
      questionAnswering: { metric: 'passage_retrieval_accuracy', float32: 1, served: 1 },
    });
  });

  it('find nothing where nothing is to be found', async () => {
    const { classification, sequenceLabeling, questionAnswering } = await measureProbes(
      built.get('fp32')!,
      hopeless(),
    );
    // Without the sample itself, the other class is the larger one.
    expect(classification.float32).toBe(0);
    // In the other half of the same sentences, another word is tagged.
    expect(sequenceLabeling.float32).toBe(0);
    expect(questionAnswering.float32).toBe(0);
  });

  it('are the same every time, and fit into the manifest, which may lack them', async () => {
    const { manifest } = built.get('int8')!;
    const data = (await readProbeData())!;
    const few = {
      classification: data.classification.slice(0, 60),
      sequenceLabeling: data.sequenceLabeling.slice(0, 20),
      questionAnswering: data.questionAnswering.slice(0, 20),
    };
    const probes = await measureProbes(built.get('int8')!, few);
    expect(await measureProbes(built.get('int8')!, few)).toEqual(probes);
    expect(BaseManifest.parse({ ...manifest, probes }).probes).toEqual(probes);
    expect(BaseManifest.parse(manifest).probes).toBeUndefined();
  });
});

describe('the example data', () => {
  it('is found beside the code, with every example of the training split', async () => {
    const data = (await readProbeData())!;
    expect(Object.values(data).map(examples => examples.length)).toEqual([260, 227, 303]);
  });

  it('may be missing', async () => {
    expect(await readProbeData(pathToFileURL(join(folder, 'none/')))).toBeUndefined();
  });
});
