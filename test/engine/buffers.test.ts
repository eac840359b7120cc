/** Inputs of a batch are the same whatever their memory held before. */
import { expect, test } from 'vitest';
import type { EncoderConfig, TargetModule } from '../../functions/artifacts/manifests.ts';
import { loraNames } from '../../functions/artifacts/modules.ts';
import { loraPacks, scaleInput } from '../../functions/artifacts/packs.ts';
import { assemble } from '../../functions/engine/batch.ts';
import { reusedBuffers } from '../../functions/engine/buffers.ts';
import { modulesOf, type Variant } from '../../functions/engine/variants.ts';
import { type AdapterSpec, adapterTensors, randomAdapter, randomRow } from './rows.ts';

const config: EncoderConfig = {
  ...{ family: 'bert', vocabularySize: 100, hiddenSize: 16, layers: 3, heads: 2, intermediateSize: 24 },
  ...{ maxPositions: 32, tokenTypes: 2, positionOffset: 0, layerNormEpsilon: 1e-12, activation: 'gelu' },
};

const spec = (rank: number, modules: string, seed = 1): AdapterSpec => ({
  ...{ seed, rank, labels: 2, quantization: 'float32' },
  modules: modules.split('') as TargetModule[],
  head: { kind: 'pooled', pooling: 'mean', dense: false },
});
const rowOf = (own: AdapterSpec) =>
  randomRow(config, { adapter: randomAdapter(config, own), length: 5, seed: own.seed });

test('a buffer that was given back is taken again where it fits, not far larger than what is asked', () => {
  const buffers = reusedBuffers();
  const first = buffers.take(100_000);
  expect(first.byteLength).toBeGreaterThanOrEqual(100_000);
  expect(buffers.take(100_000)).not.toBe(first);
  buffers.give([first]);
  expect(buffers.take(10_000)).not.toBe(first);
  expect(buffers.take(first.byteLength + 1)).not.toBe(first);
  expect(buffers.take(first.byteLength)).toBe(first);
});

test('what is held for later is bounded, and the last given stays', () => {
  const buffers = reusedBuffers();
  const given = Array.from({ length: 5 }, () => new ArrayBuffer(10 * 2 ** 20));
  buffers.give(given);
  const again = given.map(() => buffers.take(10 * 2 ** 20)).filter(buffer => given.includes(buffer));
  expect(again).toHaveLength(3);
  expect(new Set(again)).toEqual(new Set(given.slice(2)));
});

test.each([
  ["of the graph's own shape", 'qv', ['8 qv', '8 qv']],
  ['with modules and ranks that some lack', 'qkvoud', ['8 qkvoud', '3 q', '8 od', '5 kvu']],
  ['of another set with as many sites', 'qkvo', ['8 k', '8 qo']],
])('adapters %s are laid out as graphs read them, over whatever the memory held', (_, set, names) => {
  const specs = names.map((name, seed) => {
    const [rank, modules] = name.split(' ') as [string, string];
    return spec(Number(rank), modules, seed + 1);
  });
  const variant: Variant = { head: 'pooled', modules: modulesOf(set), form: 'float32', narrow: false };
  const buffers = { take: (bytes: number) => new Uint8Array(bytes + 8).fill(77).buffer };
  const feeds = assemble(specs.map(rowOf), variant, { config, buffers });
  for (const pack of loraPacks(config, variant.modules)) {
    const { groups, side, stacked, width } = pack;
    const ofSites = (values: (own: AdapterSpec, site: Site) => number[]) =>
      specs.flatMap(own =>
        groups.flatMap(({ layer, modules }) =>
          modules.flatMap(module => values(own, { layer, module, side, width })),
        ),
      );
    const data = feeds[pack.input]!;
    expect(data.shape).toEqual([specs.length, groups.length, 8 * stacked, width]);
    expect(Array.from(data.data)).toEqual(ofSites(valuesOf));
    if (side === 'b') continue;
    const scales = feeds[scaleInput(pack)]!;
    expect(scales.shape).toEqual([specs.length, groups.length, 8 * stacked, 1]);
    // Alpha is twice the rank.
    expect(Array.from(scales.data)).toEqual(
      ofSites((own, site) => ranksOf(own, site).map(has => (has ? 2 : 0))),
    );
  }
});

interface Site {
  layer: number;
  module: TargetModule;
  side: 'a' | 'b';
  width: number;
}

/** Of the padded ranks those that the adapter has there. */
const ranksOf = ({ rank, modules }: AdapterSpec, { module }: Site) =>
  Array.from({ length: 8 }, (_, r) => modules.includes(module) && r < rank);

/** A [8, in], or B [out, rank] turned [8, out]. */
function valuesOf(own: AdapterSpec, site: Site): number[] {
  const { layer, module, side, width } = site;
  const stored = adapterTensors(config, own).get(loraNames(config.family, layer, module)[side]);
  return ranksOf(own, site).flatMap((has, r) =>
    Array.from({ length: width }, (_, i) =>
      has ? stored!.data[side === 'a' ? r * width + i : i * own.rank + r]! : 0,
    ),
  );
}
