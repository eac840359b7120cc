/** The base of golden/, in a store of its own: the encoder of test/golden/peft, its pooler, and a tokenizer that fits. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { openAdapters } from '../../functions/adapters.ts';
import type { ResidentAdapter } from '../../functions/artifacts/adapter.ts';
import { readSafetensors, type Tensor, writeSafetensors } from '../../functions/artifacts/safetensors.ts';
import { type Base, openBase } from '../../functions/base.ts';
import { openDirectoryStore } from '../../functions/store/directory.ts';
import type { Store } from '../../functions/store/store.ts';
import { pullBase } from '../../trainer/commands/pull-base.ts';
import { writeTinyBase } from '../tiny-base.ts';

export const golden = (path: string) => fileURLToPath(new URL(`golden/${path}`, import.meta.url));
const encoder = (path: string) => fileURLToPath(new URL(`../golden/peft/${path}`, import.meta.url));

export interface GoldenBase {
  folder: string;
  store: Store;
  base: Base;
  /** An adapter as a request gets it. */
  load(tenant: string, reference: string): Promise<ResidentAdapter>;
  close(): Promise<void>;
}

export const tensorsOf = async (path: string): Promise<Map<string, Tensor>> =>
  readSafetensors(await readFile(path), path);

/** `golden` is that base, `bare` the same without its pooler. */
export async function openGoldenBase(): Promise<GoldenBase> {
  const folder = await mkdtemp(join(tmpdir(), 'veneer-peft-'));
  const store = openDirectoryStore(join(folder, 'store'));
  const source = await writeTinyBase(join(folder, 'source'));
  const config = JSON.parse(await readFile(encoder('config.json'), 'utf8'));
  await writeFile(join(source, 'config.json'), JSON.stringify(config));
  const tokenizer = JSON.parse(await readFile(join(source, 'tokenizer.json'), 'utf8'));
  tokenizer.model.vocab = Object.fromEntries(
    Object.entries(tokenizer.model.vocab).filter(([, id]) => (id as number) < config.vocab_size),
  );
  await writeFile(join(source, 'tokenizer.json'), JSON.stringify(tokenizer));
  const tensors = [...(await tensorsOf(encoder('model.safetensors')))];
  for (const [name, more] of [
    ['bare', []],
    ['golden', [...(await tensorsOf(golden('pooler.safetensors')))]],
  ] as const) {
    await writeFile(join(source, 'model.safetensors'), writeSafetensors([...tensors, ...more]));
    await pullBase(store, { wanted: source, name, precision: 'fp32', force: false, probe: false }, () => {});
  }
  const base = await openBase({ store, name: 'golden', cacheDir: folder, workers: 0 });
  const adapters = openAdapters({
    store,
    base: async () => base.manifest,
    budgetBytes: Number.POSITIVE_INFINITY,
    aliasTtlMs: 0,
    now: Date.now,
  });
  return {
    folder,
    store,
    base,
    load: (tenant, reference) => adapters.get(tenant, reference),
    async close() {
      await base.engine.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
