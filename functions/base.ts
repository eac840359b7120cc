/** A base opened for serving: its manifest, tokenizer and engine. Files come from the store, verified, by local path. */
import { readFile } from 'node:fs/promises';
import { baseFile, readBase } from './artifacts/bases.ts';
import type { AdapterManifest, BaseManifest } from './artifacts/manifests.ts';
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

/** A base on its way. */
export interface OpeningBase {
  opened: Promise<Base>;
  /** Where the calling thread computes: opens early what an adapter's first rows will need. What fails is told to the rows. */
  expect(adapter: AdapterManifest): void;
}

export interface BaseOptions {
  store: Store;
  name: string | Promise<string>;
  /** Folder for files of a remote store. */
  cacheDir: string;
  /** Worker threads of the engine; 0 computes in the calling thread. */
  workers: number;
  observer?: EngineObserver | undefined;
}

export function openBase(options: BaseOptions): Promise<Base> {
  return beginBase(options).opened;
}

/** Everything that needs no other is fetched at once. */
export function beginBase({ store, name: wanted, cacheDir, workers, observer }: BaseOptions): OpeningBase {
  const begun = begin();
  const opened = begun.then(finish);
  return {
    opened,
    expect(adapter) {
      // Of several runners one will be asked, and a process that ends while another opens a session aborts.
      if (workers === 0) begun.then(({ engine }) => engine.warm([adapter])).catch(() => {});
    },
  };

  async function begin() {
    const name = await wanted;
    const manifest = await readBase(store, name);
    const weights = baseFile(store, name, manifest.weights, cacheDir);
    weights.catch(() => {});
    const engine = openEngine({
      ...{ base: manifest, workers, observer },
      async graphPath(variant) {
        const file = manifest.graphs[variant];
        if (!file)
          throw new VeneerError(
            'invalid_artifact',
            `base ${name} has no graph ${variant}: pull it again with --force`,
          );
        const [path] = await Promise.all([baseFile(store, name, file, cacheDir), weights]);
        return path;
      },
    });
    return { name, manifest, weights, engine };
  }

  async function finish({
    name,
    manifest,
    weights,
    engine,
  }: Awaited<ReturnType<typeof begin>>): Promise<Base> {
    try {
      const [compiled] = await Promise.all([
        baseFile(store, name, manifest.tokenizer.compiled, cacheDir).then(path => readFile(path)),
        weights,
      ]);
      return { manifest, tokenizer: openTokenizer(compiled), engine };
    } catch (error) {
      await engine.close();
      throw error;
    }
  }
}
