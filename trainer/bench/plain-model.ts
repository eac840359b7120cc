/**
 * The base in float32 without adapters, as a folder that Hugging Face's JavaScript library opens: config.json and
 * onnx/model.onnx, with the usual inputs. Positions are an input too, since the op set cannot count.
 */
import { copyFile, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { EncoderConfig } from '../../functions/artifacts/manifests.ts';
import { precisions } from '../base/precision.ts';
import { servedLinear } from '../base/served-linear.ts';
import { Graph } from '../graph/graph.ts';
import { emitOnnx } from '../graph/onnx.ts';
import { familyOf } from '../models/families.ts';
import { encoderInputs } from '../models/family.ts';
import { readWeightsFile } from '../weights.ts';

/** @param weightsPath The base's float32 weights, which are copied. */
export async function writePlainModel(
  folder: string,
  config: EncoderConfig,
  weightsPath: string,
): Promise<void> {
  const g = new Graph();
  const mask = g.reshape(g.cast(g.input('attention_mask', ['B', 'S'], 'int32')), ['B', 1, 1, 'S']);
  const { full } = precisions.fp32;
  const linear = servedLinear(config, full);
  const hidden = familyOf(config.family).encode({
    g,
    config,
    inputs: {
      ...encoderInputs(g),
      attentionBias: g.scale(g.sub(mask, g.scalar(1)), 1e9),
    },
    project: ({ layer, modules, x }) => modules.map(module => linear({ g, layer, module, x })),
    lookup: full.lookup,
  });
  const { tensors } = await readWeightsFile(weightsPath);
  const location = 'model.onnx_data';
  const outputs = { last_hidden_state: g.reshape(hidden, ['B', 'S', config.hiddenSize]) };
  await mkdir(join(folder, 'onnx'), { recursive: true });
  await writeFile(join(folder, 'onnx', 'model.onnx'), emitOnnx({ outputs, weights: { location, tensors } }));
  await copyFile(weightsPath, join(folder, 'onnx', location));
  await writeFile(join(folder, 'config.json'), JSON.stringify({ model_type: config.family }));
}
