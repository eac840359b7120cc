/**
 * A base without a model: one token a word, and logits that a test can work out by hand. A word's id is its length, so the
 * logits of a text are plain functions of its words.
 */
import type { BaseManifest } from '../../functions/artifacts/manifests.ts';
import type { Base } from '../../functions/base.ts';
import type { Row } from '../../functions/engine/engine.ts';
import { headKinds, moduleSets, modulesOf, variantName } from '../../functions/engine/variants.ts';
import type { Tokenizer } from '../../functions/tokenizer/tokenizer.ts';

const file = { sha256: 'f'.repeat(64), bytes: 1 };

export const baseManifest: BaseManifest = {
  formatVersion: 1,
  name: 'tiny',
  digest: 'b'.repeat(64),
  config: {
    family: 'bert',
    hiddenSize: 4,
    layers: 1,
    heads: 1,
    intermediateSize: 8,
    vocabularySize: 1000,
    maxPositions: 64,
    positionOffset: 0,
    tokenTypes: 2,
    layerNormEpsilon: 1e-12,
    activation: 'gelu',
  },
  pooling: 'cls',
  precision: 'fp32',
  tokenizer: { source: { sha256: 'c'.repeat(64), bytes: 1 }, compiled: file },
  fidelity: { cosineMean: 1, cosineMin: 1 },
  weights: file,
  trainingWeights: file,
  graphs: Object.fromEntries(
    headKinds.flatMap(head =>
      moduleSets.map(set => {
        const variant = { head, modules: modulesOf(set), form: 'int8', narrow: false } as const;
        return [variantName(variant), file];
      }),
    ),
  ),
  licence: 'Apache-2.0',
  source: { location: 'nowhere', sha256: 'e'.repeat(64) },
};

/** Words of at most this length are outside of any entity. */
export const longestPlainWord = 3;
const [cls, sep] = [900, 901];

const tokenizer: Tokenizer = {
  encode(text) {
    const words = [...text.matchAll(/\S+/g)];
    return {
      ids: Int32Array.from(words, ([word]) => word.length),
      starts: Int32Array.from(words, ({ index }) => index),
      ends: Int32Array.from(words, ({ index, 0: word }) => index + word.length),
      words: Int32Array.from(words.keys()),
    };
  },
  padId: 0,
  unkId: 0,
  continuingPrefix: '',
  piece: id => String(id),
  single: [
    { special: cls, typeId: 0 },
    { sequence: 'A', typeId: 0 },
    { special: sep, typeId: 0 },
  ],
  pair: [
    { special: cls, typeId: 0 },
    { sequence: 'A', typeId: 0 },
    { special: sep, typeId: 0 },
    { sequence: 'B', typeId: 1 },
    { special: sep, typeId: 1 },
  ],
};

/**
 * Classification: label i has logit i * (number of words). Labeling: B-x on long words, O elsewhere. Question answering:
 * the longest word of the context starts and ends the answer; "no answer" has logit 2 * 4.
 */
function logitsOf({ window: { ids, position, count }, adapter: { manifest } }: Row): Float32Array {
  const labels = manifest.labels.length;
  if (manifest.task === 'classification') return Float32Array.from({ length: labels }, (_, i) => i * count);
  const logits = new Float32Array(ids.length * labels);
  ids.forEach((id, at) => {
    if (manifest.task === 'sequence-labeling')
      logits[at * labels + (id > longestPlainWord && id < cls ? 1 : 0)] = 5;
    else if (at >= position && at < position + count) logits.fill(id, at * labels, (at + 1) * labels);
  });
  if (manifest.task === 'question-answering') logits.fill(4, 0, 2);
  return logits;
}

export function fakeBase(): Base {
  return {
    manifest: baseManifest,
    tokenizer,
    engine: {
      base: baseManifest,
      run: async rows => rows.map(logitsOf),
      warm: async () => {},
      close: async () => {},
    },
  };
}
