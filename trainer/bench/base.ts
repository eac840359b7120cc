/** The base that benches run on: `VENEER_BENCH_BASE` in the store, or minilm-l6, pulled where it is not there. */
import { readBase } from '../../functions/artifacts/bases.ts';
import type { BaseManifest } from '../../functions/artifacts/manifests.ts';
import { openStore } from '../../functions/store/open.ts';
import type { Store } from '../../functions/store/store.ts';
import { pullBase } from '../commands/pull-base.ts';

export async function openBenchBase(): Promise<{ store: Store; manifest: BaseManifest }> {
  const name = process.env.VENEER_BENCH_BASE || 'minilm-l6';
  const store = await openStore(process.env.VENEER_STORE || 'file:.veneer');
  const manifest = await readBase(store, name).catch(async () => {
    await pullBase(store, { wanted: name, force: false }, console.log);
    return readBase(store, name);
  });
  return { store, manifest };
}
