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
  Tensor: new (type: 'int64', data: BigInt64Array, shape: number[]) => Tensor;
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
const tensor = (value: (i: number) => number) => {
  const values = BigInt64Array.from({ length: batch * length }, (_, i) => BigInt(value(i)));
  return new library.Tensor('int64', values, [batch, length]);
};
const inputs = {
  input_ids: tensor(i => 1000 + ((i * 7919) % 20_000)),
  attention_mask: tensor(() => 1),
  token_type_ids: tensor(() => 0),
};

await answerGo(() => model(inputs));
