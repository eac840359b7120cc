/**
 * The base in float32 without adapters and head, as a folder that Hugging Face's JavaScript library opens: config.json and
 * onnx/model.onnx, with the usual inputs.
 */
import { copyFile, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { EncoderConfig } from '../../functions/artifacts/manifests.ts';
import { emitInputs } from '../export/inputs.ts';
import { Graph } from '../graph/graph.ts';
import { emitOnnx } from '../graph/onnx.ts';
import { isOp, topologicalOrder } from '../graph/value.ts';
import { frozenSeams } from '../methods/frozen.ts';
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
  const family = familyOf(config.family);
  const hidden = family.encode({ g, config, inputs: encoderInputs(g), ...frozenSeams(config) });
  const outputs = { last_hidden_state: g.reshape(hidden, ['B', 'S', config.hiddenSize]) };
  const needed = new Set(
    topologicalOrder(Object.values(outputs)).flatMap(({ outputs: [value] }) =>
      value && isOp(value, 'input') ? [value.node.attributes.name] : [],
    ),
  );
  const location = 'model.onnx_data';
  const { tensors } = await readWeightsFile(weightsPath);
  const model = emitOnnx({
    outputs,
    weights: { location, tensors },
    standalone: {
      inputs: e => emitInputs(e, { needed, config, head: { kind: 'token' } }),
      symbolNames: { B: 'batch_size', S: 'sequence_length' },
    },
  });
  await mkdir(join(folder, 'onnx'), { recursive: true });
  await writeFile(join(folder, 'onnx', 'model.onnx'), model);
  await copyFile(weightsPath, join(folder, 'onnx', location));
  await writeFile(join(folder, 'config.json'), JSON.stringify(family.writeConfig(config)));
}
