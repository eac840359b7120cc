/**
 * Inputs of an exported model, as optimum's exports have them, and what the encoder and head read, made of them in the model
 * itself. What serving feeds of the same is functions/engine/batch.ts.
 */
import type { EncoderConfig, Head } from '../../functions/artifacts/manifests.ts';
import { relativeBucket } from '../../functions/engine/distances.ts';
import type { Emitter } from '../graph/onnx-emitter.ts';
import { attribute, dataTypes } from '../graph/onnx-schema.ts';

/** Added to the attention scores of padding, and of keys out of reach. */
const hiddenBias = -1e9;

type Derivation = (e: Emitter, config: EncoderConfig, head: Head) => void;

/** By name of the graph's input. Token ids need none: they are an input of the model under the same name. */
const derivations: Record<string, Derivation> = {
  attention_bias: e => {
    const padding = e.temporary('Sub', [e.constant([1], [], 'float32'), mask(e)]);
    const bias = e.temporary('Mul', [padding, e.constant([hiddenBias], [], 'float32')]);
    e.emit('Unsqueeze', [bias, e.constant([1, 2], [2], 'int64')], ['attention_bias']);
  },
  position_ids: (e, { positionOffset }) =>
    e.emit('Add', [places(e), e.constant([positionOffset], [], 'int64')], ['position_ids']),
  relative_buckets: (e, config) => {
    const values = distances(config).map(distance => relativeBucket(distance, config.relativeBuckets!));
    const table = e.constant(values, [values.length], 'int64');
    e.emit('Gather', [table, distancePlaces(e, config)], ['relative_buckets']);
  },
  local_bias: (e, config) => {
    const { radius } = config.localAttention!;
    const values = distances(config).map(distance => (Math.abs(distance) > radius ? hiddenBias : 0));
    const table = e.constant(values, [values.length], 'float32');
    const bias = e.temporary('Gather', [table, distancePlaces(e, config)]);
    e.emit('Unsqueeze', [bias, e.constant([0, 1], [2], 'int64')], ['local_bias']);
  },
  pooling: (e, _config, head) => {
    if (head.kind === 'pooled' && head.pooling === 'mean') {
      const tokens = mask(e);
      const count = e.temporary(
        'ReduceSum',
        [tokens, e.constant([1], [1], 'int64')],
        [attribute('keepdims', 1)],
      );
      const share = e.temporary('Div', [tokens, count]);
      e.emit('Unsqueeze', [share, e.constant([1], [1], 'int64')], ['pooling']);
      return;
    }
    // [1, 1, S], the same for every row.
    const isFirst = e.temporary('Equal', [places(e), e.constant([0], [], 'int64')]);
    const first = e.temporary('Cast', [isFirst], [attribute('to', dataTypes.float32)]);
    e.emit('Unsqueeze', [first, e.constant([0, 1], [2], 'int64')], ['pooling']);
  },
};

/** Every distance from a query to a key that two tokens can have. */
function distances({ maxPositions }: EncoderConfig): number[] {
  return Array.from({ length: 2 * maxPositions - 1 }, (_, i) => i - maxPositions + 1);
}

/** int64 [S, S]: place of the distance from a query to a key among `distances`. */
function distancePlaces(e: Emitter, { maxPositions }: EncoderConfig): string {
  const along = e.temporary('Unsqueeze', [places(e), e.constant([0], [1], 'int64')]);
  const down = e.temporary('Unsqueeze', [places(e), e.constant([1], [1], 'int64')]);
  return e.temporary('Add', [e.temporary('Sub', [along, down]), e.constant([maxPositions - 1], [], 'int64')]);
}

/** float32 [B, S]: 1 for a token, 0 for padding. */
function mask(e: Emitter): string {
  return e.temporary('Cast', ['attention_mask'], [attribute('to', dataTypes.float32)]);
}

/** int64 [S]: 0, 1, 2, ... */
function places(e: Emitter): string {
  const shape = e.temporary('Shape', ['input_ids'], [attribute('start', 1), attribute('end', 2)]);
  const count = e.temporary('Squeeze', [shape]);
  return e.temporary('Range', [e.constant([0], [], 'int64'), count, e.constant([1], [], 'int64')]);
}

const tokenInputs = ['input_ids', 'token_type_ids'];

/** Whether an exported model can give the graph this input. */
export function isDerivable(input: string): boolean {
  return tokenInputs.includes(input) || Object.hasOwn(derivations, input);
}

/** @param needed Inputs that the graph reads. Returns the names of the model's own inputs. */
export function modelInputs(needed: ReadonlySet<string>): string[] {
  return ['input_ids', 'attention_mask', ...(needed.has('token_type_ids') ? ['token_type_ids'] : [])];
}

export function emitInputs(
  e: Emitter,
  { needed, config, head }: { needed: ReadonlySet<string>; config: EncoderConfig; head: Head },
): void {
  for (const name of modelInputs(needed)) e.declare(name, 'int64', ['B', 'S']);
  for (const [name, derive] of Object.entries(derivations)) if (needed.has(name)) derive(e, config, head);
}
