/**
 * Turns rows into the inputs of one run: padded tokens, and every row's LoRA and head tensors. B rows, R and C the padded
 * rank and number of labels, which all rows of a batch share.
 */
import type { HeadLayer } from '../artifacts/adapter.ts';
import type { EncoderConfig } from '../artifacts/manifests.ts';
import type { Row } from './engine.ts';
import { extraFeeds } from './extras.ts';
import { loraPacks, scaleInput } from './packs.ts';
import { type Feed, tokenFeeds } from './token-feeds.ts';
import { dtypeOf, paddedLabels, paddedRank, type Variant } from './variants.ts';

export function assemble(
  rows: readonly Row[],
  variant: Variant,
  config: EncoderConfig,
): Record<string, Feed> {
  const framed = rows.map(({ window, adapter }) => {
    const { head, ...virtual } = adapter.manifest;
    return { window, head, virtual, adapter };
  });
  return {
    ...tokenFeeds(framed, config),
    ...loraFeeds(rows, variant, config),
    ...headFeeds(rows, variant, config),
    ...(variant.form === 'mixed' ? extraFeeds(framed, config) : {}),
  };
}

/** A copy of each row's tensors as they are kept; modules and ranks that a row's adapter lacks stay zero. */
function loraFeeds(
  rows: readonly Row[],
  { modules, form }: Variant,
  config: EncoderConfig,
): Record<string, Feed> {
  if (modules.length === 0) return {};
  const b = rows.length;
  const rank = paddedRank(Math.max(...rows.map(({ adapter }) => adapter.lora?.layout.rank ?? 0)));
  const dtype = dtypeOf(form);
  const feeds: Record<string, Feed> = {};
  for (const pack of loraPacks(config, modules)) {
    const { input, side, width, stacked, groups } = pack;
    const size = groups.length * b * stacked * rank;
    const data = dtype === 'int8' ? new Int8Array(size * width) : new Float32Array(size * width);
    const scales = new Float32Array(size);
    groups.forEach(({ layer, modules: readers }, group) => {
      rows.forEach(({ adapter: { lora } }, row) => {
        if (!lora) return;
        readers.forEach((module, i) => {
          const { layout, data: own, scales: factors } = lora;
          const place = layout.sites[layer]?.[module];
          if (!place) return;
          const at = ((group * b + row) * stacked + i) * rank;
          const from = place[side];
          data.set(own.subarray(from, from + layout.rank * width), at * width);
          scales.set(factors.subarray(place.scales, place.scales + layout.rank), at);
        });
      });
    });
    feeds[input] = { dtype, shape: [groups.length, b, stacked * rank, width], data };
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
  const dtype = dtypeOf(form);
  const labels = paddedLabels(Math.max(...rows.map(row => row.adapter.manifest.labels.length)));
  const layer = (name: string, out: number, parts: readonly HeadLayer[]): Record<string, Feed> => {
    const b = parts.length;
    const weight = dtype === 'int8' ? new Int8Array(b * out * h) : new Float32Array(b * out * h);
    const scale = new Float32Array(b * out);
    const bias = new Float32Array(b * out);
    parts.forEach((part, row) => {
      weight.set(part.weight.data, row * out * h);
      if (part.weight.scales) scale.set(part.weight.scales, row * out);
      else scale.fill(1, row * out, (row + 1) * out);
      bias.set(part.bias, row * out);
    });
    return {
      [`${name}_weight`]: { dtype, shape: [b, out, h], data: weight },
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
