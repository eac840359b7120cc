/**
 * A trained model by itself: base, adapter and head merged into one ONNX file that any onnxruntime runs, with the tokenizer,
 * labels and a README beside it.
 */
import type { FloatTensor } from '../../functions/artifacts/adapter.ts';
import { canonicalJson } from '../../functions/artifacts/digest.ts';
import type { BaseManifest } from '../../functions/artifacts/manifests.ts';
import type { TaskName } from '../../functions/artifacts/names.ts';
import { VeneerError } from '../../functions/error.ts';
import type { WeightsFile } from '../engines/engine.ts';
import { Graph } from '../graph/graph.ts';
import { emitOnnx } from '../graph/onnx.ts';
import type { ExternalWeights, InlineWeights } from '../graph/onnx-emitter.ts';
import { type Node, topologicalOrder, type Value } from '../graph/value.ts';
import { type HeadSpec, headLogits, headParameters } from '../heads.ts';
import { frozenSeams } from '../methods/frozen.ts';
import { adaptedSeams, type MethodSpec, mergesOf, methodOf, methodParameters } from '../methods/methods.ts';
import { familyOf } from '../models/families.ts';
import { encoderInputs } from '../models/family.ts';
import type { Parameter } from '../parameters.ts';
import type { Trained } from '../trained.ts';
import { readWeight } from '../weights.ts';
import { emitInputs, isDerivable, modelInputs } from './inputs.ts';
import { exportedConfig } from './model-config.ts';
import { onnxReadme } from './onnx-readme.ts';

export interface OnnxExportOptions {
  trained: Trained;
  base: BaseManifest;
  /** The base's float32 weights. */
  weights: WeightsFile;
  tokenizer: Uint8Array;
  /** Bytes of weights from which they go into a file of their own. */
  inlineLimit?: number;
}

/** A protobuf message ends at 2 GiB. */
const defaultInlineLimit = 1.9e9;
const dataFile = 'model.onnx_data';

/** Files by name; the model, without which nothing runs, last. */
export async function onnxExport(
  options: OnnxExportOptions,
): Promise<Map<string, Uint8Array | Uint8Array[]>> {
  const { trained, base, tokenizer, inlineLimit = defaultInlineLimit } = options;
  const { config } = base;
  const { task, head: kind, labels } = trained.manifest;
  const head: HeadSpec = { task, head: kind, labels: labels.length };
  const outputs = outputsOf(head, base, trained.method);
  const nodes = topologicalOrder(Object.values(outputs));
  const needed = new Set(namesOf(nodes, 'input'));
  for (const input of needed)
    if (!isDerivable(input))
      throw new VeneerError(
        'usage',
        `a model of family ${config.family} reads ${input}, which an exported model cannot make yet`,
      );
  const tensors = await mergedTensors(namesOf(nodes, 'weight'), options);
  const size = [...tensors.values()].reduce((sum, bytes) => sum + bytes.length, 0);
  const isInline = size < inlineLimit;
  const model = emitOnnx({
    outputs,
    weights: isInline ? inline(tensors) : external(tensors),
    standalone: {
      inputs: e => emitInputs(e, { needed, config, head: kind }),
      symbolNames: { B: 'batch_size', S: 'sequence_length' },
    },
  });
  const outside: [string, Uint8Array[]][] = isInline ? [] : [[dataFile, [...tensors.values()]]];
  return new Map<string, Uint8Array | Uint8Array[]>([
    ['tokenizer.json', tokenizer],
    ['config.json', canonicalJson(exportedConfig(config, trained.manifest))],
    ['README.md', onnxReadme({ trained, base: base.name, inputs: modelInputs(needed) })],
    ...outside,
    ['model.onnx', model],
  ]);
}

const outputNames: Record<TaskName, readonly string[]> = {
  classification: ['logits'],
  'sequence-labeling': ['logits'],
  'question-answering': ['start_logits', 'end_logits'],
};

function outputsOf(head: HeadSpec, { config }: BaseManifest, spec: MethodSpec): Record<string, Value> {
  const g = new Graph();
  const stored = (given: readonly Parameter[]) =>
    new Map(given.map(({ name, shape }) => [name, g.weight(name, shape)]));
  const inputs = encoderInputs(g);
  const seams = methodOf(spec).hasLayers
    ? adaptedSeams({ g, config, spec, parameters: stored(methodParameters(config, spec)) })
    : frozenSeams(config);
  const hidden = familyOf(config.family).encode({ g, config, inputs, ...seams });
  const parameters = stored(headParameters(config, head));
  const flat = headLogits({ g, config, spec: head, hidden, parameters });
  const logits = head.head.kind === 'token' ? g.reshape(flat, ['B', 'S', head.labels]) : flat;
  const names = outputNames[head.task];
  if (names.length === 1) return { [names[0]!]: logits };
  const columns = g.split(
    logits,
    2,
    names.map(() => 1),
  );
  return Object.fromEntries(names.map((name, i) => [name, g.reshape(columns[i]!, ['B', 'S'])]));
}

function namesOf(nodes: readonly Node[], op: 'input' | 'weight'): string[] {
  return (nodes as Node<'input' | 'weight'>[])
    .filter(node => node.op === op)
    .map(({ attributes }) => attributes.name);
}

/** The tensors that the model reads, little-endian: the base's with what was trained merged into them, and the head's. */
async function mergedTensors(
  names: readonly string[],
  { trained: { method, tensors }, base: { config }, weights }: OnnxExportOptions,
): Promise<Map<string, Uint8Array>> {
  const values = new Map(Array.from(tensors, ([name, { data }]) => [name, data]));
  const merges = mergesOf({ config, spec: method, values });
  const merged = new Map<string, Uint8Array>();
  for (const name of names) {
    const own = tensors.get(name);
    const data = own ? own.data : await ofBase(name);
    merged.set(name, new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  }
  return merged;

  async function ofBase(name: string): Promise<FloatTensor['data']> {
    const tensor = await readWeight(weights, name);
    if (!tensor)
      throw new VeneerError('invalid_artifact', `the base's weights have no tensor ${name}: pull it again`);
    return merges.get(name)?.(tensor) ?? tensor;
  }
}

function inline(tensors: ReadonlyMap<string, Uint8Array>): InlineWeights {
  return { bytes: name => tensors.get(name)! };
}

function external(tensors: ReadonlyMap<string, Uint8Array>): ExternalWeights {
  let end = 0;
  const places = Array.from(tensors, ([name, { length: bytes }]) => {
    const offset = end;
    end += bytes;
    return [name, { offset, bytes }] as const;
  });
  return { location: dataFile, tensors: new Map(places) };
}
