/**
 * transformers.js side of `bench serve`, one thread: the base in float32, no adapters. Arguments: the folder whose
 * node_modules has @huggingface/transformers, the model's folder, rows, tokens of each.
 */
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { answerGo } from './measured.ts';

type Tensor = object;
interface TransformersJs {
  env: { allowRemoteModels: boolean };
  AutoModel: {
    from_pretrained(
      folder: string,
      options: object,
    ): Promise<(inputs: Record<string, Tensor>) => Promise<object>>;
  };
  Tensor: new (type: 'int32', data: Int32Array, shape: number[]) => Tensor;
}

const [installed, folder, ...sizes] = process.argv.slice(2) as [string, string, string, string];
const [batch, length] = sizes.map(Number) as [number, number];
const library: TransformersJs = createRequire(join(installed, 'package.json'))('@huggingface/transformers');
library.env.allowRemoteModels = false;
const model = await library.AutoModel.from_pretrained(folder, {
  dtype: 'fp32',
  device: 'cpu',
  local_files_only: true,
  session_options: { intraOpNumThreads: 1, interOpNumThreads: 1 },
});
const tensor = (shape: number[], value: (i: number) => number) =>
  new library.Tensor(
    'int32',
    Int32Array.from({ length: shape.reduce((a, b) => a * b) }, (_, i) => value(i)),
    shape,
  );
const inputs = {
  input_ids: tensor([batch, length], i => 1000 + ((i * 7919) % 20_000)),
  attention_mask: tensor([batch, length], () => 1),
  token_type_ids: tensor([batch, length], () => 0),
  position_ids: tensor([length], i => i),
};

await answerGo(() => model(inputs));
