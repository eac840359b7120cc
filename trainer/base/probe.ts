/**
 * What a precision costs in task quality: measured on the example data when a base is built, in float32 and as it will be
 * served. No adapter is trained: classification and sequence labeling are read off the frozen hidden states by ridge
 * regression. Spans cannot be found without training, so question answering is measured by similarity alone: whether the
 * passage nearest to a question is the one that answers it.
 */
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { BaseManifest, FileRef, Probes } from '../../functions/artifacts/manifests.ts';
import { readSafetensors } from '../../functions/artifacts/safetensors.ts';
import { packageFile } from '../../functions/package-file.ts';
import { classification as classificationTask } from '../../functions/tasks/classification.ts';
import type { TaskContext } from '../../functions/tasks/task.ts';
import type { Window } from '../../functions/tasks/windows.ts';
import { openTokenizer } from '../../functions/tokenizer/open.ts';
import type { Tokenizer } from '../../functions/tokenizer/tokenizer.ts';
import type { ClassificationExample, LabelingExample, QuestionExample } from '../data/dataset.ts';
import { labelsOf, tagsOf } from '../data/labels.ts';
import { classification } from '../tasks/classification.ts';
import { questionAnswering } from '../tasks/question-answering.ts';
import { sequenceLabeling } from '../tasks/sequence-labeling.ts';
import type { BuiltBase } from './build.ts';
import { cosine } from './cosine.ts';
import { type FrozenBase, type FrozenEncoder, openFrozenEncoder } from './probe-encoder.ts';
import { best, fitRidge, leaveOneOut } from './ridge.ts';
import { servingGraphs } from './serving-graph.ts';

export interface ProbeData {
  classification: readonly ClassificationExample[];
  sequenceLabeling: readonly LabelingExample[];
  questionAnswering: readonly QuestionExample[];
}

/** The training split of the example data; undefined where it was not installed. */
export async function readProbeData(
  folder = packageFile('trainer/examples/'),
): Promise<ProbeData | undefined> {
  if (!existsSync(folder)) return undefined;
  const file = (path: string) => fileURLToPath(new URL(path, folder));
  const [texts, sentences, questions] = await Promise.all([
    classification.readSplit(file('support/train.csv'), {}),
    sequenceLabeling.readSplit(file('entities/train.conll'), {}),
    questionAnswering.readSplit(file('questions/train.json'), {}),
  ]);
  return {
    classification: texts.examples,
    sequenceLabeling: sentences.examples,
    questionAnswering: questions.examples,
  };
}

export async function measureProbes({ manifest, files }: BuiltBase, data: ProbeData): Promise<Probes> {
  const contents = new Map(files.map(({ sha256, bytes }) => [sha256, bytes]));
  const bytesOf = (file: FileRef) => contents.get(file.sha256)!;
  const tokenizer = openTokenizer(bytesOf(manifest.tokenizer.compiled));
  const graphs = new Map(
    Object.entries(manifest.graphs).map(([variant, file]) => [variant, bytesOf(file)] as const),
  );
  const served = { manifest, graphs, weights: bytesOf(manifest.weights) };
  const rounded = await probe(served, tokenizer, data);
  const exact =
    manifest.precision === 'fp32'
      ? rounded
      : await probe(inFloat32(manifest, bytesOf(manifest.trainingWeights)), tokenizer, data);
  const pair = (metric: string, of: (scores: Scores) => number) => ({
    metric,
    float32: of(exact),
    served: of(rounded),
  });
  return {
    classification: pair('ridge_leave_one_out_accuracy', scores => scores.classification),
    sequenceLabeling: pair('ridge_entity_f1', scores => scores.sequenceLabeling),
    questionAnswering: pair('passage_retrieval_accuracy', scores => scores.questionAnswering),
  };
}

/** The same base as it would be served without rounding. */
function inFloat32(manifest: BaseManifest, weights: Uint8Array): FrozenBase {
  const { sha256 } = manifest.trainingWeights;
  const tensors = Array.from(
    readSafetensors(weights, 'weights'),
    ([name, { offset, data }]) => [name, { offset, bytes: data.length }] as const,
  );
  return {
    manifest: { ...manifest, precision: 'fp32', weights: manifest.trainingWeights },
    graphs: servingGraphs(manifest.config, { location: sha256, tensors: new Map(tensors) }, 'fp32'),
    weights,
  };
}

type Scores = Record<keyof Probes, number>;

async function probe(base: FrozenBase, tokenizer: Tokenizer, data: ProbeData): Promise<Scores> {
  const { config } = base.manifest;
  const maxLength = Math.min(256, config.maxPositions - config.positionOffset);
  const context: TaskContext = { tokenizer, labels: [], maxLength, stride: Math.floor(maxLength / 4) };
  const encoder = await openFrozenEncoder(base);
  try {
    return {
      classification: await probeClassification(encoder, context, data.classification),
      sequenceLabeling: await probeLabeling(encoder, context, data.sequenceLabeling),
      questionAnswering: await probeRetrieval(encoder, context, data.questionAnswering),
    };
  } finally {
    await encoder.close();
  }
}

async function probeClassification(
  encoder: FrozenEncoder,
  context: TaskContext,
  examples: readonly ClassificationExample[],
): Promise<number> {
  const labels = labelsOf(examples);
  const vectors = await embed(
    encoder,
    examples.map(example => classificationTask.encode(classification.input(example), context).windows),
  );
  const classes = examples.map(example => labels.indexOf(example.labels[0]!));
  const scores = leaveOneOut({ vectors, classes, count: labels.length, penalty: 1 });
  return share(scores, (score, i) => best(score) === classes[i]);
}

/** Entity F1 of the first half of the sentences by a fit to the second, and the other way round. */
async function probeLabeling(
  encoder: FrozenEncoder,
  shared: TaskContext,
  examples: readonly LabelingExample[],
): Promise<number> {
  const context = { ...shared, labels: tagsOf(examples) };
  const count = context.labels.length;
  const { serving } = sequenceLabeling;
  const encoded = examples.map(example => serving.encode(sequenceLabeling.input(example), context));
  const states = await encoder.tokens(encoded.flatMap(({ windows }) => windows));
  let next = 0;
  const sentences = encoded.map((form, i) => {
    const own = states.slice(next, next + form.windows.length);
    next += own.length;
    const targets = sequenceLabeling.targets(examples[i]!, form, context);
    return { form, targets, vectors: own.map((state, w) => rowsOf(state, form.windows[w]!.ids.length)) };
  });
  const half = sentences.length >> 1;
  const halves = [sentences.slice(0, half), sentences.slice(half)] as const;
  const read = (some: typeof sentences, others: typeof sentences) => {
    const words = others.flatMap(({ targets, vectors }) =>
      vectors.flatMap((rows, w) =>
        rows.flatMap((vector, i) => (targets[w]![i]! < 0 ? [] : [{ vector, tag: targets[w]![i]! }])),
      ),
    );
    const scores = fitRidge({
      vectors: words.map(({ vector }) => vector),
      classes: words.map(({ tag }) => tag),
      count,
      penalty: 0.03,
    });
    return some.map(({ form, vectors }) => {
      const logits = vectors.map(rows => Float32Array.from(rows.flatMap(vector => [...scores(vector)])));
      return serving.decode(form, logits, context, {});
    });
  };
  const decoding = { labels: context.labels, problem: 'single-label', unanswerable: false } as const;
  const outputs = [...read(halves[0], halves[1]), ...read(halves[1], halves[0])];
  return sequenceLabeling.score(examples, outputs, decoding).f1!;
}

async function probeRetrieval(
  encoder: FrozenEncoder,
  context: TaskContext,
  examples: readonly QuestionExample[],
): Promise<number> {
  // Every second passage: they are long, and a pull should not take half as long again.
  const passages = [...new Set(examples.map(example => example.context))].filter((_, i) => i % 2 === 0);
  const answered = examples.filter(
    example => example.answers.length > 0 && passages.includes(example.context),
  );
  const windowsOf = (text: string) => classificationTask.encode({ text }, context).windows;
  const passageVectors = await embed(encoder, passages.map(windowsOf));
  const questionVectors = await embed(
    encoder,
    answered.map(({ question }) => windowsOf(question)),
  );
  return share(questionVectors, (vector, i) => {
    const scores = Float64Array.from(passageVectors, passage => cosine(vector, passage));
    return passages[best(scores)] === answered[i]!.context;
  });
}

/** One vector a text: the mean of its windows'. */
async function embed(encoder: FrozenEncoder, texts: readonly Window[][]): Promise<Float32Array[]> {
  const vectors = await encoder.pooled(texts.flat());
  let next = 0;
  return texts.map(windows => {
    const own = vectors.slice(next, next + windows.length);
    next += own.length;
    return own[0]!.map((_, i) => own.reduce((sum, vector) => sum + vector[i]!, 0) / own.length);
  });
}

const rowsOf = (flat: Float32Array, count: number) =>
  Array.from({ length: count }, (_, i) =>
    flat.subarray((i * flat.length) / count, ((i + 1) * flat.length) / count),
  );

const share = <T>(items: readonly T[], holds: (item: T, i: number) => boolean) =>
  items.filter(holds).length / items.length;
