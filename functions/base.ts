/** A base opened for serving: its manifest, tokenizer and engine. Files come from the store, verified, by local path. */
import { readFile } from 'node:fs/promises';
import { baseFile, readBase } from './artifacts/bases.ts';
import type { BaseManifest } from './artifacts/manifests.ts';
import type { Engine } from './engine/engine.ts';
import type { EngineObserver } from './engine/observer.ts';
import { openEngine } from './engine/open.ts';
import { VeneerError } from './error.ts';
import type { Store } from './store/store.ts';
import { openTokenizer } from './tokenizer/open.ts';
import type { Tokenizer } from './tokenizer/tokenizer.ts';

export interface Base {
  manifest: BaseManifest;
  tokenizer: Tokenizer;
  engine: Engine;
}

export interface BaseOptions {
  store: Store;
  name: string;
  /** Folder for files of a remote store. */
  cacheDir: string;
  /** Worker threads of the engine; 0 computes in the calling thread. */
  workers: number;
  observer?: EngineObserver | undefined;
}

export async function openBase({ store, name, cacheDir, workers, observer }: BaseOptions): Promise<Base> {
  const manifest = await readBase(store, name);
  const [compiled] = await Promise.all([
    baseFile(store, name, manifest.tokenizer.compiled, cacheDir).then(path => readFile(path)),
    baseFile(store, name, manifest.weights, cacheDir),
  ]);
  const engine = openEngine({
    base: manifest,
    workers,
    observer,
    graphPath: variant => {
      const file = manifest.graphs[variant];
      if (!file)
        throw new VeneerError(
          'invalid_artifact',
          `base ${name} has no graph ${variant}: pull it again with --force`,
        );
      return baseFile(store, name, file, cacheDir);
    },
  });
  return { manifest, tokenizer: openTokenizer(compiled), engine };
}
