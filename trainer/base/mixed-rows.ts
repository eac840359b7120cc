/**
 * What serving graphs of form `mixed` compute beside LoRA: IA3, prompts and prefixes of the rows that have them. Every other
 * row keeps its bits: its values are copied, multiplied by 1 or added to 0. Inputs: functions/engine/extras.ts.
 */
import type { EncoderConfig, TargetModule } from '../../functions/artifacts/manifests.ts';
import { scalesInput } from '../../functions/artifacts/modules.ts';
import { takesPrefix } from '../../functions/artifacts/virtual-tokens.ts';
import { ia3Inputs } from '../../functions/engine/extras.ts';
import type { Graph } from '../graph/graph.ts';
import { product } from '../graph/shape.ts';
import type { Value } from '../graph/value.ts';
import { promptedWords } from '../methods/prompt.ts';
import type { EncodeArguments, EncoderInputs, Lookup } from '../models/family.ts';
import type { FrozenLinear } from './served-linear.ts';

/** A vector for each of some rows of the batch. */
interface RowVectors {
  /** int32 [rows] */
  places: Value;
  /** [1, rows, 1, width] */
  vectors: Value;
}

/** IA3's by layer and module. */
function ia3Vectors(g: Graph, config: EncoderConfig): Map<string, RowVectors> {
  const found = new Map<string, RowVectors>();
  for (const { input, rows, modules, width } of ia3Inputs(config)) {
    const sites = Array.from({ length: config.layers }, (_, layer) =>
      modules.map(module => siteKey(layer, module)),
    ).flat();
    // The name of the rows' input is that of their number as well.
    const places = g.input(rows, [rows], 'int32');
    const each = g.split(
      g.input(input, [sites.length, rows, 1, width]),
      0,
      sites.map(() => 1),
    );
    sites.forEach((site, i) => {
      found.set(site, { places, vectors: each[i]! });
    });
  }
  return found;
}

const siteKey = (layer: number, module: TargetModule) => `${layer}.${module}`;

/** What IA3 does to linear layers in its rows: to what they read, and to what they give once all is added to it. */
export interface Ia3Rows {
  reading(linear: FrozenLinear): FrozenLinear;
  giving(site: { layer: number; module: TargetModule }, y: Value): Value;
}

export function ia3Rows(g: Graph, config: EncoderConfig): Ia3Rows {
  const found = ia3Vectors(g, config);
  const rowsOf = (x: Value) => g.reshape(x, ['B', 'S', x.shape[1]!]);
  /** Of x ['B*S', width] the rows that have a vector, times it [1, rows, 'S', width]. */
  const scaled = (x: Value, { places, vectors }: RowVectors) => g.mul(g.gather(rowsOf(x), places), vectors);
  const replaced = (x: Value, { places }: RowVectors, by: Value) => {
    const rows = g.reshape(by, [places.shape[0]!, 'S', x.shape[1]!]);
    return g.reshape(g.replaceRows(rowsOf(x), places, rows), x.shape);
  };
  return {
    reading: linear => site => {
      const { layer, module, x } = site;
      const own = found.get(siteKey(layer, module));
      if (!own || !scalesInput(module)) return linear(site);
      if (module === 'o') return linear({ ...site, x: replaced(x, own, scaled(x, own)) });
      // What d reads comes out of an activation, whose lowest value a rounded base counts on; scaled, it may be lower.
      const rows = g.reshape(scaled(x, own), [product([own.places.shape[0]!, 'S']), x.shape[1]!]);
      return replaced(linear(site), own, linear({ ...site, x: rows, signed: true }));
    },
    giving({ layer, module }, y) {
      const own = found.get(siteKey(layer, module));
      return own && !scalesInput(module) ? replaced(y, own, scaled(y, own)) : y;
    },
  };
}

export function promptedLookup(g: Graph, config: EncoderConfig, lookup: Lookup): Lookup {
  const { hiddenSize, embeddingSize: width = hiddenSize } = config;
  return table => {
    const found = lookup(table);
    return table.role === 'table' ? promptedWords(g, found, g.input('prompts', ['K', width])) : found;
  };
}

/** Positions of every row, which begin behind its prefix, and the prefixes. */
export function prefixed(
  g: Graph,
  config: EncoderConfig,
  inputs: EncoderInputs,
): Pick<EncodeArguments, 'inputs' | 'prefix'> {
  if (!takesPrefix(config)) return { inputs };
  const { layers, heads, hiddenSize } = config;
  const width = hiddenSize / heads;
  const sides = g.split(
    g.input('prefix', [2 * layers, 'N', heads, 'P', width]),
    0,
    Array.from({ length: 2 * layers }, () => 1),
  );
  const side = (i: number) => g.reshape(sides[i]!, ['N', heads, 'P', width]);
  const rows = {
    places: g.input('prefix_rows', ['N'], 'int32'),
    bias: g.input('prefix_bias', ['N', 1, 1, 'P']),
  };
  return {
    inputs: { ...inputs, positionIds: g.input('position_ids', ['B', 'S'], 'int32') },
    prefix: layer => ({ keys: side(2 * layer), values: side(2 * layer + 1), rows }),
  };
}
