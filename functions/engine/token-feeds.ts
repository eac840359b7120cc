/**
 * Windows as the inputs that encoder graphs read. B rows, S places of the longest row: its tokens, behind those of its
 * prompt. Training and serving feed the same.
 */
import type { EncoderConfig, Head } from '../artifacts/manifests.ts';
import type { VirtualTokens } from '../artifacts/virtual-tokens.ts';
import type { Window } from '../tasks/windows.ts';
import { localBias, relativeBuckets } from './distances.ts';

export interface Feed {
  dtype: 'float32' | 'int32' | 'int8';
  shape: number[];
  data: Float32Array | Int32Array | Int8Array;
}

/** Added to the attention scores of what a token does not see: exp of it is exactly 0 in float32. */
export const hiddenBias = -1e9;

/** A window and how it is read. Left out: it has no virtual tokens. */
export interface FramedRow {
  window: Window;
  head: Head;
  virtual?: VirtualTokens | undefined;
}

/** Tokens of a row, those of a prompt counted. */
export const rowLength = ({ window, virtual }: Pick<FramedRow, 'window' | 'virtual'>) =>
  (virtual?.prompt?.tokens ?? 0) + window.ids.length;

/**
 * Windows, behind the places of their prompts, padded to the longest. `pooling` [B, 1, S], where the heads pool, weighs the
 * places of each row: 1/n for the mean, or 1 for the first. Training batches are made of the same: their rows have as
 * many virtual tokens each.
 */
export function tokenFeeds(rows: readonly FramedRow[], config: EncoderConfig): Record<string, Feed> {
  const [b, s] = [rows.length, Math.max(...rows.map(rowLength))];
  const ids = new Int32Array(b * s);
  const types = new Int32Array(b * s);
  const bias = new Float32Array(b * s).fill(hiddenBias);
  const pooling = new Float32Array(b * s);
  rows.forEach(({ window, head, virtual }, row) => {
    const length = rowLength({ window, virtual });
    const first = row * s + length - window.ids.length;
    ids.set(window.ids, first);
    types.set(window.typeIds, first);
    bias.fill(0, row * s, row * s + length);
    if (head.kind !== 'pooled') return;
    if (head.pooling === 'cls') pooling[row * s] = 1;
    else pooling.fill(1 / length, row * s, row * s + length);
  });
  const begin = config.positionOffset + (rows[0]!.virtual?.prefix?.tokens ?? 0);
  const positions = Int32Array.from({ length: s }, (_, i) => i + begin);
  return {
    input_ids: { dtype: 'int32', shape: [b, s], data: ids },
    ...(config.tokenTypes > 1
      ? { token_type_ids: { dtype: 'int32' as const, shape: [b, s], data: types } }
      : {}),
    position_ids: { dtype: 'int32', shape: [s], data: positions },
    attention_bias: { dtype: 'float32', shape: [b, 1, 1, s], data: bias },
    ...(rows[0]!.head.kind === 'pooled'
      ? { pooling: { dtype: 'float32' as const, shape: [b, 1, s], data: pooling } }
      : {}),
    ...distanceFeeds(s, config),
  };
}

/** Places of prompts, counted through the batch, in the order of the rows [K]. */
export function promptPlaces(rows: readonly FramedRow[]): Feed {
  const s = Math.max(...rows.map(rowLength));
  const places = rows.flatMap(({ virtual }, row) =>
    Array.from({ length: virtual?.prompt?.tokens ?? 0 }, (_, i) => row * s + i),
  );
  return { dtype: 'int32', shape: [places.length], data: Int32Array.from(places) };
}

function distanceFeeds(
  s: number,
  { relativeBuckets: buckets, localAttention: local }: EncoderConfig,
): Record<string, Feed> {
  const feeds: Record<string, Feed> = {};
  if (buckets) feeds.relative_buckets = { dtype: 'int32', shape: [s, s], data: relativeBuckets(s, buckets) };
  if (local)
    feeds.local_bias = { dtype: 'float32', shape: [1, 1, s, s], data: localBias(s, local, hiddenBias) };
  return feeds;
}
