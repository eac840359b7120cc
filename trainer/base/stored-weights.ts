/** A base's weights as one file in one of the stored forms, for serving and for training. */
import { type FloatTensor, quantizeRows } from '../../functions/artifacts/adapter.ts';
import { type EncoderConfig, targetModules } from '../../functions/artifacts/manifests.ts';
import { familyNames } from '../../functions/artifacts/modules.ts';
import { type TensorData, writeSafetensors } from '../../functions/artifacts/safetensors.ts';
import { familyOf } from '../models/families.ts';
import { activationShift, type StoredForm } from './precision.ts';
import { type Smoothing, smoothingName } from './smoothing.ts';

/** The weights file of a base in a stored form. The pooler stays float32: it is computed once a row. */
export function storedWeights(
  tensors: ReadonlyMap<string, FloatTensor>,
  config: EncoderConfig,
  { full, rounds }: StoredForm,
  smoothing: Smoothing = new Map(),
): Uint8Array {
  const { module } = familyNames(config.family);
  /** Linear layers' weights, with the name of their smoothing factors. */
  const linears = new Map<string, string | undefined>();
  for (let layer = 0; layer < config.layers; layer++)
    for (const target of targetModules)
      linears.set(`${module(layer, target)}.weight`, smoothingName(layer, target));
  const tables = new Set(familyOf(config.family).largeTables);
  const reciprocals = Array.from(smoothing, ([name, factors]): [string, TensorData] => {
    const data = factors.map(factor => 1 / factor);
    return [name, { dtype: 'F32', shape: [data.length], data: new Uint8Array(data.buffer) }];
  });
  const biases = rounds ? shiftedBiases(tensors, config) : new Map<string, Float32Array>();
  const weights = [...tensors].flatMap(([name, { shape, data }]) => {
    const factors = smoothing.get(linears.get(name) ?? '');
    const smoothed = factors ? data.map((value, i) => value * factors[i % factors.length]!) : data;
    const role = linears.has(name) ? 'linear' : tables.has(name) ? 'table' : 'plain';
    return full.store(name, { shape, data: biases.get(name) ?? smoothed }, role);
  });
  return writeSafetensors([...weights, ...reciprocals]);
}

/** Biases of the layers whose input is shifted: b - shift * (sum of each row of the weight as it is stored). */
function shiftedBiases(
  tensors: ReadonlyMap<string, FloatTensor>,
  config: EncoderConfig,
): Map<string, Float32Array> {
  const { module } = familyNames(config.family);
  const shift = activationShift(config);
  const shifted = new Map<string, Float32Array>();
  if (shift === null) return shifted;
  for (let layer = 0; layer < config.layers; layer++) {
    const path = module(layer, 'd');
    const { data: quantized, scales } = quantizeRows(tensors.get(`${path}.weight`)!.data, config.hiddenSize);
    const bias = tensors.get(`${path}.bias`)!.data.map((value, row) => {
      let sum = 0;
      for (let i = 0; i < config.intermediateSize; i++) sum += quantized[row * config.intermediateSize + i]!;
      return value - shift * scales[row]! * sum;
    });
    shifted.set(`${path}.bias`, bias);
  }
  return shifted;
}
