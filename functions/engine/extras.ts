/**
 * What rows of other methods than LoRA bring to a batch: IA3's vectors, prompts and prefixes, each for the rows that have it.
 * B rows, S places; N rows with a prefix of P vectors at most.
 */
import type { Matrix, ResidentAdapter } from '../artifacts/adapter.ts';
import type { EncoderConfig, TargetModule } from '../artifacts/manifests.ts';
import { takesPrefix } from '../artifacts/virtual-tokens.ts';
import { type Feed, type FramedRow, hiddenBias, promptPlaces, rowLength } from './token-feeds.ts';
import { paddedPrefix } from './variants.ts';

/** Modules with vectors of one width share an input, for the rows that have one of them. */
interface Ia3Input {
  /** [layers * modules, rows, 1, width], by layer, then module. */
  input: string;
  /** int32 [rows] */
  rows: string;
  modules: readonly TargetModule[];
  width: number;
}

export function ia3Inputs({ hiddenSize, intermediateSize }: EncoderConfig): Ia3Input[] {
  return [
    { input: 'ia3_narrow', rows: 'ia3_narrow_rows', modules: ['k', 'v', 'o'], width: hiddenSize },
    { input: 'ia3_wide', rows: 'ia3_wide_rows', modules: ['d'], width: intermediateSize },
  ];
}

export interface ExtraRow extends FramedRow {
  adapter: ResidentAdapter;
}

export function extraFeeds(rows: readonly ExtraRow[], config: EncoderConfig): Record<string, Feed> {
  return {
    ...ia3Feeds(rows, config),
    ...promptVectors(rows, config),
    ...(takesPrefix(config) ? prefixFeeds(rows, config) : {}),
  };
}

/** Places of the rows that match. */
function placesOf(rows: readonly ExtraRow[], matches: (adapter: ResidentAdapter) => boolean): Feed {
  const data = Int32Array.from(rows.keys()).filter(row => matches(rows[row]!.adapter));
  return { dtype: 'int32', shape: [data.length], data };
}

function ia3Feeds(rows: readonly ExtraRow[], config: EncoderConfig): Record<string, Feed> {
  const feeds: Record<string, Feed> = {};
  for (const { input, rows: places, modules, width } of ia3Inputs(config)) {
    const chosen = placesOf(rows, ({ ia3 }) => modules.some(module => ia3?.[0]?.[module] !== undefined));
    const count = chosen.data.length;
    const data = new Float32Array(config.layers * modules.length * count * width).fill(1);
    chosen.data.forEach((row, place) => {
      rows[row]!.adapter.ia3!.forEach((vectors, layer) => {
        modules.forEach((module, i) => {
          const own = vectors[module];
          if (own) data.set(own, ((layer * modules.length + i) * count + place) * width);
        });
      });
    });
    feeds[places] = chosen;
    feeds[input] = { dtype: 'float32', shape: [config.layers * modules.length, count, 1, width], data };
  }
  return feeds;
}

function promptVectors(
  rows: readonly ExtraRow[],
  { hiddenSize, embeddingSize: width = hiddenSize }: EncoderConfig,
): Record<string, Feed> {
  const places = promptPlaces(rows);
  const data = new Float32Array(places.data.length * width);
  let next = 0;
  for (const { adapter } of rows)
    for (let i = 0; i < (adapter.prompt?.rows ?? 0); i++)
      expandRow(adapter.prompt!, i, data.subarray(next++ * width));
  return {
    prompt_places: places,
    prompts: { dtype: 'float32', shape: [places.data.length, width], data },
  };
}

function prefixFeeds(rows: readonly ExtraRow[], config: EncoderConfig): Record<string, Feed> {
  const { layers, heads, hiddenSize } = config;
  const places = placesOf(rows, ({ prefix }) => prefix !== undefined);
  const n = places.data.length;
  const tokensOf = (row: number) => rows[row]?.virtual?.prefix?.tokens ?? 0;
  const p = paddedPrefix(Math.max(...Array.from(places.data, tokensOf), 0));
  const width = hiddenSize / heads;
  const data = new Float32Array(2 * layers * n * hiddenSize * p);
  const bias = new Float32Array(n * p).fill(hiddenBias);
  const vector = new Float32Array(hiddenSize);
  places.data.forEach((row, place) => {
    const tokens = tokensOf(row);
    bias.fill(0, place * p, place * p + tokens);
    for (let token = 0; token < tokens; token++)
      for (let side = 0; side < 2 * layers; side++) {
        expandRow(rows[row]!.adapter.prefix!, token * 2 * layers + side, vector);
        for (let head = 0; head < heads; head++)
          data.set(
            vector.subarray(head * width, (head + 1) * width),
            (((side * n + place) * heads + head) * p + token) * width,
          );
      }
  });
  return {
    position_ids: rowPositions(rows, config),
    prefix_rows: places,
    prefix: { dtype: 'float32', shape: [2 * layers, n, heads, p, width], data },
    prefix_bias: { dtype: 'float32', shape: [n, 1, 1, p], data: bias },
  };
}

/** [B, S]; those of padding may be any that the table has. */
function rowPositions(rows: readonly ExtraRow[], { maxPositions, positionOffset }: EncoderConfig): Feed {
  const s = Math.max(...rows.map(rowLength));
  const data = Int32Array.from({ length: rows.length * s }, (_, i) => {
    const begin = positionOffset + (rows[Math.floor(i / s)]!.virtual?.prefix?.tokens ?? 0);
    return Math.min(begin + (i % s), maxPositions - 1);
  });
  return { dtype: 'int32', shape: [rows.length, s], data };
}

/** One row of a stored matrix as floats, at the beginning of `into`. */
function expandRow({ data, scales, columns }: Matrix, row: number, into: Float32Array): void {
  const own = data.subarray(row * columns, (row + 1) * columns);
  into.set(own);
  const scale = scales?.[row];
  if (scale !== undefined) for (let i = 0; i < columns; i++) into[i]! *= scale;
}
