/**
 * One session per tenant, the other way to serve adapters: each tenant's merged into a copy of the base's weights, beside
 * the base's own graph without adapters.
 */
import { copyFile, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ResidentAdapter, ResidentLora } from '../../functions/artifacts/adapter.ts';
import { baseFile } from '../../functions/artifacts/bases.ts';
import { type BaseManifest, type TargetModule, targetModules } from '../../functions/artifacts/manifests.ts';
import { familyNames, moduleWidths } from '../../functions/artifacts/modules.ts';
import { float32, readSafetensors } from '../../functions/artifacts/safetensors.ts';
import type { Store } from '../../functions/store/store.ts';
import { precisions } from '../base/precision.ts';
import { smoothingName } from '../base/smoothing.ts';
import { cacheDir } from '../commands/command.ts';

export interface MergeArguments {
  store: Store;
  manifest: BaseManifest;
  adapters: readonly ResidentAdapter[];
  /** The graph without adapters, by variant. */
  variant: string;
  folder: string;
}

/** Paths of the tenants' graphs. */
export async function writeMerged({
  store,
  manifest,
  adapters,
  variant,
  folder,
}: MergeArguments): Promise<string[]> {
  const file = (ref: { sha256: string; bytes: number }) => baseFile(store, manifest.name, ref, cacheDir);
  const graph = await file(manifest.graphs[variant]!);
  const stored = await readFile(await file(manifest.weights));
  const exact = await readFile(await file(manifest.trainingWeights));
  const paths: string[] = [];
  for (const [tenant, adapter] of adapters.entries()) {
    const own = join(folder, `tenant-${tenant}`);
    await mkdir(own, { recursive: true });
    paths.push(join(own, 'model.onnx'));
    await copyFile(graph, paths.at(-1)!);
    await writeFile(join(own, manifest.weights.sha256), mergedWeights({ manifest, adapter, stored, exact }));
  }
  return paths;
}

/** The stored weights with W + scaled BA in place of each adapted W, in the same form and at the same place. */
function mergedWeights({
  manifest: { config, precision },
  adapter: { lora },
  stored,
  exact,
}: {
  manifest: BaseManifest;
  adapter: ResidentAdapter;
  stored: Uint8Array;
  exact: Uint8Array;
}): Uint8Array {
  const [places, floats] = [stored, exact].map(bytes => new Map(readSafetensors(bytes, 'weights')));
  const merged = stored.slice();
  if (!lora) throw new Error('only LoRA is merged here');
  lora.layout.sites.forEach((sites, layer) => {
    for (const module of targetModules) {
      if (!sites[module]) continue;
      const name = `${familyNames(config.family).module(layer, module)}.weight`;
      const widths = moduleWidths(config, module);
      const data = float32(floats!.get(name)!).slice();
      addDelta(data, { lora, layer, module, ...widths });
      const reciprocals = places!.get(smoothingName(layer, module) ?? '');
      const factors = reciprocals && float32(reciprocals);
      const smoothed = factors ? data.map((value, i) => value / factors[i % widths.in]!) : data;
      const form = precisions[precision].full.store(
        name,
        { shape: [widths.out, widths.in], data: smoothed },
        'linear',
      );
      for (const [part, { data: bytes }] of form) merged.set(bytes, places!.get(part)!.offset);
    }
  });
  return merged;
}

/** Adds scaled BA to W [out, in]. */
function addDelta(
  weight: Float32Array,
  site: { lora: ResidentLora; layer: number; module: TargetModule; in: number; out: number },
): void {
  const { data, scales, layout } = site.lora;
  const place = layout.sites[site.layer]![site.module]!;
  for (let r = 0; r < layout.rank; r++)
    for (let o = 0; o < site.out; o++) {
      const factor = scales[place.scales + r]! * data[place.b + r * site.out + o]!;
      for (let i = 0; i < site.in; i++) weight[o * site.in + i]! += factor * data[place.a + r * site.in + i]!;
    }
}
