/** The head of a cloze: a checkpoint's masked-language head over the hidden state of the mask, with the words of labels alone. */
import type { EncoderConfig } from '../functions/artifacts/manifests.ts';
import { VeneerError } from '../functions/error.ts';
import type { Cloze } from './few-shot/cloze.ts';
import type { Graph } from './graph/graph.ts';
import type { Value } from './graph/value.ts';
import { familyOf } from './models/families.ts';
import { maskedHead } from './models/masked-head.ts';
import type { Parameter } from './parameters.ts';
import { tableRows } from './table-rows.ts';

const stem = 'base_model.model.';
const words = { weight: `${stem}verbalizer.weight`, bias: `${stem}verbalizer.bias` };

/** @throws VeneerError `usage` for a family whose heads are not known. */
function namesOf(config: EncoderConfig) {
  const head = maskedHead(config);
  if (head) return head;
  throw new VeneerError(
    'usage',
    `--verbalizer: the masked-language head of family ${config.family} is not read: leave it out`,
  );
}

/** Begins as the checkpoint's. */
export function clozeParameters(config: EncoderConfig, { words: ids }: Cloze): Parameter[] {
  const { dense, norm, bias } = namesOf(config);
  const h = config.hiddenSize;
  const whole = (name: string, shape: readonly number[]): Parameter => ({
    ...{ name: stem + name, shape, init: { base: name } },
    decay: shape.length > 1,
  });
  return [
    whole(`${dense}.weight`, [h, h]),
    whole(`${dense}.bias`, [h]),
    whole(`${norm}.weight`, [h]),
    whole(`${norm}.bias`, [h]),
    {
      ...{ name: words.weight, shape: [ids.length, h], decay: true },
      init: {
        base: familyOf(config.family).largeTables[0]!,
        of: table => tableRows(table, ids, h),
      },
    },
    {
      ...{ name: words.bias, shape: [ids.length], decay: false },
      init: { base: bias, of: values => Float32Array.from(ids, id => values[id]!) },
    },
  ];
}

interface ClozeArguments {
  g: Graph;
  config: EncoderConfig;
  /** [B, hidden], of the mask. */
  masked: Value;
  parameters: ReadonlyMap<string, Value>;
}

/** [B, labels] */
export function clozeLogits({ g, config, masked, parameters }: ClozeArguments): Value {
  const { dense, norm, activation = config.activation } = namesOf(config);
  const part = (name: string) => parameters.get(stem + name)!;
  const linear = (x: Value, weight: Value, bias: Value) =>
    g.matmul(x, weight, { transB: true, addend: bias });
  const transformed = g[activation](linear(masked, part(`${dense}.weight`), part(`${dense}.bias`)));
  const normal = g.layerNorm(
    transformed,
    part(`${norm}.weight`),
    part(`${norm}.bias`),
    config.layerNormEpsilon,
  );
  return linear(normal, parameters.get(words.weight)!, parameters.get(words.bias)!);
}
