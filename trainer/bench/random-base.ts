/**
 * Encoders in full size without a checkpoint: what a training step takes does not depend on what the weights are, so a bench
 * of steps needs no model hub.
 */
import { writeFile } from 'node:fs/promises';
import type { EncoderConfig } from '../../functions/artifacts/manifests.ts';
import { type TensorData, writeSafetensors } from '../../functions/artifacts/safetensors.ts';
import { familyOf } from '../models/families.ts';

/** all-MiniLM-L6-v2 and all-mpnet-base-v2, by their config.json. */
export const encoders = {
  'MiniLM-L6': {
    ...{ family: 'bert', hiddenSize: 384, layers: 6, heads: 12, intermediateSize: 1536 },
    ...{ vocabularySize: 30522, maxPositions: 512, positionOffset: 0, tokenTypes: 2 },
    ...{ layerNormEpsilon: 1e-12, activation: 'gelu' },
  },
  'MPNet-base': {
    ...{ family: 'mpnet', hiddenSize: 768, layers: 12, heads: 12, intermediateSize: 3072 },
    ...{ vocabularySize: 30527, maxPositions: 514, positionOffset: 2, tokenTypes: 0 },
    ...{ layerNormEpsilon: 1e-5, activation: 'gelu', relativeBuckets: 32 },
  },
} as const satisfies Record<string, EncoderConfig>;

/** As a fresh BERT has them: uniform with standard deviation 0.02, LayerNorms at the identity. Needs no good generator. */
export async function writeRandomWeights(config: EncoderConfig, path: string): Promise<void> {
  let state = 1;
  const next = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32 - 0.5;
  };
  const tensors = Array.from(
    familyOf(config.family).tensors(config),
    ([name, shape]): [string, TensorData] => {
      const data = new Float32Array(shape.reduce((a, b) => a * b, 1));
      const center = name.endsWith('LayerNorm.weight') ? 1 : 0;
      for (let i = 0; i < data.length; i++) data[i] = center + 0.02 * Math.sqrt(12) * next();
      return [name, { dtype: 'F32', shape: [...shape], data: new Uint8Array(data.buffer) }];
    },
  );
  await writeFile(path, writeSafetensors(tensors));
}
