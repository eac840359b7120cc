/**
 * Turns rows into the inputs of one run: padded tokens, and every row's LoRA and head tensors. B rows, R and C the padded
 * rank and number of labels, which all rows of a batch share.
 */
import type { HeadLayer, ResidentLora } from '../artifacts/adapter.ts';
import type { EncoderConfig } from '../artifacts/manifests.ts';
import { loraPacks, type Pack, scaleInput } from '../artifacts/packs.ts';
import { type Buffers, reusedBuffers } from './buffers.ts';
import type { Row } from './engine.ts';
import { extraFeeds } from './extras.ts';
import { type Feed, tokenFeeds } from './token-feeds.ts';
import { dtypeOf, paddedLabels, paddedRank, type Variant } from './variants.ts';

export function assemble(
  rows: readonly Row[],
  variant: Variant,
  { config, buffers = reusedBuffers() }: { config: EncoderConfig; buffers?: Pick<Buffers, 'take'> },
): Record<string, Feed> {
  const framed = rows.map(({ window, adapter }) => {
    const { head, ...virtual } = adapter.manifest;
    return { window, head, virtual, adapter };
  });
  return {
    ...tokenFeeds(framed, config),
    ...loraFeeds(rows, variant, { config, buffers }),
    ...headFeeds(rows, variant, config),
    ...(variant.form === 'mixed' ? extraFeeds(framed, config) : {}),
  };
}

/** A copy of each row's tensors as they are kept; modules and ranks that a row's adapter lacks stay zero. */
function loraFeeds(
  rows: readonly Row[],
  { modules, form }: Variant,
  { config, buffers }: { config: EncoderConfig; buffers: Pick<Buffers, 'take'> },
): Record<string, Feed> {
  if (modules.length === 0) return {};
  const b = rows.length;
  const rank = paddedRank(Math.max(...rows.map(({ adapter }) => adapter.lora?.layout.rank ?? 0)));
  const dtype = dtypeOf(form);
  const feeds: Record<string, Feed> = {};
  for (const pack of loraPacks(config, modules)) {
    const { input, side, width, stacked, groups } = pack;
    const ranks = groups.length * stacked * rank;
    const size = b * ranks * width;
    const data =
      dtype === 'int8'
        ? new Int8Array(buffers.take(size), 0, size)
        : new Float32Array(buffers.take(4 * size), 0, size);
    const scales = new Float32Array(side === 'a' ? b * ranks : 0);
    rows.forEach(({ adapter: { lora } }, row) => {
      const place = { pack, modules, rank, data, scales, first: row * ranks };
      if (lora?.layout.rank === rank && lora.layout.modules.join() === modules.join()) copyWhole(lora, place);
      else {
        data.fill(0, row * ranks * width, (row + 1) * ranks * width);
        if (lora) copySites(lora, place);
      }
    });
    feeds[input] = { dtype, shape: [b, groups.length, stacked * rank, width], data };
    if (side === 'a')
      feeds[scaleInput(pack)] = {
        dtype: 'float32',
        shape: [b, groups.length, stacked * rank, 1],
        data: scales,
      };
  }
  return feeds;
}

interface PackPlace {
  pack: Pack;
  /** Padded. */
  rank: number;
  data: Int8Array | Float32Array;
  scales: Float32Array;
  /** Where the row begins, in ranks. */
  first: number;
}

/** Of an adapter with the graph's own rank and modules: it lies in memory as the graph reads it. */
function copyWhole(
  { layout, data: own, scales: factors }: ResidentLora,
  { pack: { input, side, width }, data, scales, first }: PackPlace,
): void {
  const place = layout.packs.get(input)!;
  data.set(own.subarray(...place.data), first * width);
  if (side === 'a') scales.set(factors.subarray(...place.scales), first);
}

function copySites(
  { layout, data: own, scales: factors }: ResidentLora,
  { pack: { side, width, stacked, groups }, rank, data, scales, first }: PackPlace,
): void {
  groups.forEach(({ layer, modules }, group) => {
    modules.forEach((module, i) => {
      const place = layout.sites[layer]?.[module];
      if (!place) return;
      const at = first + (group * stacked + i) * rank;
      data.set(own.subarray(place[side], place[side] + layout.rank * width), at * width);
      if (side === 'a') scales.set(factors.subarray(place.scales, place.scales + layout.rank), at);
    });
  });
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
