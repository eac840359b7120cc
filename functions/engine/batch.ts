/**
 * Turns rows into the inputs of one run: padded tokens, and every row's LoRA and head tensors. B rows, S tokens of the
 * longest row, R and C the padded rank and number of labels, which all rows of a batch share.
 */
import type { HeadLayer } from '../artifacts/adapter.ts';
import type { EncoderConfig, Head } from '../artifacts/manifests.ts';
import type { Window } from '../tasks/windows.ts';
import { localBias, relativeBuckets } from './distances.ts';
import type { Row } from './engine.ts';
import { loraPacks, scaleInput } from './packs.ts';
import { paddedLabels, paddedRank, type Variant } from './variants.ts';

export interface Feed {
  dtype: 'float32' | 'int32' | 'int8';
  shape: number[];
  data: Float32Array | Int32Array | Int8Array;
}

/** Added to the attention scores of what a token does not see: exp of it is exactly 0 in float32. */
const hiddenBias = -1e9;

export function assemble(
  rows: readonly Row[],
  variant: Variant,
  config: EncoderConfig,
): Record<string, Feed> {
  const framed = rows.map(({ window, adapter }) => ({ window, head: adapter.manifest.head }));
  return {
    ...tokenFeeds(framed, config),
    ...loraFeeds(rows, variant, config),
    ...headFeeds(rows, variant, config),
  };
}

/**
 * Windows padded to the longest of them. `pooling` [B, 1, S], where the heads pool, weighs the tokens of each row: 1/n for
 * the mean, or 1 for the first. Training batches are made of the same.
 */
export function tokenFeeds(
  rows: readonly { window: Window; head: Head }[],
  config: EncoderConfig,
): Record<string, Feed> {
  const [b, s] = [rows.length, Math.max(...rows.map(row => row.window.ids.length))];
  const ids = new Int32Array(b * s);
  const types = new Int32Array(b * s);
  const bias = new Float32Array(b * s).fill(hiddenBias);
  const pooling = new Float32Array(b * s);
  rows.forEach(({ window, head }, row) => {
    const { length } = window.ids;
    ids.set(window.ids, row * s);
    types.set(window.typeIds, row * s);
    bias.fill(0, row * s, row * s + length);
    if (head.kind !== 'pooled') return;
    if (head.pooling === 'cls') pooling[row * s] = 1;
    else pooling.fill(1 / length, row * s, row * s + length);
  });
  const positions = Int32Array.from({ length: s }, (_, i) => i + config.positionOffset);
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

/** A copy of each row's tensors as they are kept; modules and ranks that a row's adapter lacks stay zero. */
function loraFeeds(
  rows: readonly Row[],
  { modules, form }: Variant,
  config: EncoderConfig,
): Record<string, Feed> {
  if (modules.length === 0) return {};
  const b = rows.length;
  const rank = paddedRank(Math.max(...rows.map(row => row.adapter.manifest.lora.rank)));
  const feeds: Record<string, Feed> = {};
  for (const pack of loraPacks(config, modules)) {
    const { input, side, width, stacked, groups } = pack;
    const size = groups.length * b * stacked * rank;
    const data = form === 'int8' ? new Int8Array(size * width) : new Float32Array(size * width);
    const scales = new Float32Array(size);
    groups.forEach(({ layer, modules: readers }, group) => {
      rows.forEach(({ adapter }, row) => {
        readers.forEach((module, i) => {
          const { layout, data: own, scales: factors } = adapter.lora;
          const place = layout.sites[layer]?.[module];
          if (!place) return;
          const at = ((group * b + row) * stacked + i) * rank;
          const from = place[side];
          data.set(own.subarray(from, from + layout.rank * width), at * width);
          scales.set(factors.subarray(place.scales, place.scales + layout.rank), at);
        });
      });
    });
    feeds[input] = { dtype: form, shape: [groups.length, b, stacked * rank, width], data };
    if (side === 'a')
      feeds[scaleInput(pack)] = {
        dtype: 'float32',
        shape: [groups.length, b, 1, stacked * rank],
        data: scales,
      };
  }
  return feeds;
}

/** Weights as they are kept, and the scales [B, 1, C] that multiply their products; labels beyond a row's own stay zero. */
function headFeeds(
  rows: readonly Row[],
  { head, form }: Variant,
  { hiddenSize: h }: EncoderConfig,
): Record<string, Feed> {
  const labels = paddedLabels(Math.max(...rows.map(row => row.adapter.manifest.labels.length)));
  const layer = (name: string, out: number, parts: readonly HeadLayer[]): Record<string, Feed> => {
    const b = parts.length;
    const weight = form === 'int8' ? new Int8Array(b * out * h) : new Float32Array(b * out * h);
    const scale = new Float32Array(b * out);
    const bias = new Float32Array(b * out);
    parts.forEach((part, row) => {
      weight.set(part.weight.data, row * out * h);
      if (part.weight.scales) scale.set(part.weight.scales, row * out);
      else scale.fill(1, row * out, (row + 1) * out);
      bias.set(part.bias, row * out);
    });
    return {
      [`${name}_weight`]: { dtype: form, shape: [b, out, h], data: weight },
      [`${name}_scale`]: { dtype: 'float32', shape: [b, 1, out], data: scale },
      [`${name}_bias`]: { dtype: 'float32', shape: [b, 1, out], data: bias },
    };
  };
  const heads = rows.map(row => row.adapter.head);
  return {
    ...layer('head', labels, heads),
    ...(head === 'pooled-dense'
      ? layer(
          'dense',
          h,
          heads.map(own => own.dense!),
        )
      : {}),
  };
}
