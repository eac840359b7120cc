/**
 * The encoder out of a checkpoint (model.safetensors): its tensors as float32 under names without the task prefix, with
 * those that the family makes.
 */
import type { FloatTensor } from '../../functions/artifacts/adapter.ts';
import type { EncoderConfig } from '../../functions/artifacts/manifests.ts';
import { familyNames } from '../../functions/artifacts/modules.ts';
import { float32, type Tensor } from '../../functions/artifacts/safetensors.ts';
import { VeneerError } from '../../functions/error.ts';
import type { Family } from '../models/family.ts';
import { maskedHead, maskedTensors } from '../models/masked-head.ts';

const refuse = (problem: string) => new VeneerError('invalid_artifact', `model.safetensors: ${problem}`);

/** LayerNorm's parameters in checkpoints of the first years, bert-base-uncased among them. */
const oldName = (name: string) =>
  name.replace(/LayerNorm\.weight$/, 'LayerNorm.gamma').replace(/LayerNorm\.bias$/, 'LayerNorm.beta');

function openTensors(source: ReadonlyMap<string, Tensor>, { prefix }: { prefix: string }) {
  const find = (name: string): Tensor | undefined =>
    [name, `${prefix}.${name}`, oldName(name), `${prefix}.${oldName(name)}`]
      .map(candidate => source.get(candidate))
      .find(tensor => tensor !== undefined);
  const read = (name: string, shape: readonly number[]): Float32Array => {
    const tensor = find(name);
    if (!tensor) throw refuse(`tensor ${name} is missing`);
    if (tensor.shape.join() !== shape.join())
      throw refuse(`tensor ${name} has shape [${tensor.shape}], but config.json says [${shape}]`);
    if (!['F32', 'F16', 'BF16'].includes(tensor.dtype))
      throw refuse(`tensor ${name} is ${tensor.dtype}, expected floats`);
    const data = float32(tensor);
    if (!data.every(Number.isFinite)) throw refuse(`tensor ${name} holds a value that is not finite`);
    return data;
  };
  return { find, read };
}

/** With the pooler, where there is one. */
export function encoderTensors(
  source: ReadonlyMap<string, Tensor>,
  config: EncoderConfig,
  family: Family,
): Map<string, FloatTensor> {
  const { prefix, pooler } = familyNames(config.family);
  const h = config.hiddenSize;
  const { find, read } = openTensors(source, { prefix });
  const made = family.made?.(config);
  const valuesOf = (name: string, shape: readonly number[]): Float32Array => {
    const recipe = made?.get(name);
    if (!recipe) return read(name, shape);
    if ('values' in recipe) return recipe.values();
    const [rows, columns] = shape as [number, number];
    const whole = read(recipe.rowsOf, [recipe.total, columns]);
    return whole.slice(recipe.from * columns, (recipe.from + rows) * columns);
  };
  const tensors = new Map<string, FloatTensor>();
  for (const [name, shape] of family.tensors(config))
    tensors.set(name, { shape, data: valuesOf(name, shape) });
  for (const [name, shape] of [
    [`${pooler}.weight`, [h, h]],
    [`${pooler}.bias`, [h]],
  ] as const)
    if (find(name)) tensors.set(name, { shape, data: read(name, shape) });
  return tensors;
}

/** The masked-language head; empty where the checkpoint has none, or one whose decoder is not the table of words. */
export function maskedHeadTensors(
  source: ReadonlyMap<string, Tensor>,
  config: EncoderConfig,
  family: Family,
): Map<string, FloatTensor> {
  const head = maskedHead(config);
  const { find, read } = openTensors(source, familyNames(config.family));
  if (!head) return new Map();
  const shapes = [...maskedTensors(head, config)];
  if (shapes.some(([name]) => !find(name))) return new Map();
  const decoder = find(head.decoder);
  const table = find(family.largeTables[0]!)!;
  if (decoder && Buffer.compare(decoder.data, table.data) !== 0) return new Map();
  return new Map(shapes.map(([name, shape]) => [name, { shape, data: read(name, shape) }]));
}
