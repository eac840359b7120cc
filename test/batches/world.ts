/** A store in a folder, batches in it, and work on them whose answers a test holds in its hand. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { acceptBatch, type NewBatch } from '../../functions/batches/accept.ts';
import { type Batch, type BatchPlace, outputKey, readBatch } from '../../functions/batches/document.ts';
import type { Asked } from '../../functions/batches/item.ts';
import { type BatchLimits, defaultBatchLimits } from '../../functions/batches/limits.ts';
import { type Marker, markers } from '../../functions/batches/markers.ts';
import type { AnswerItem, ItemUsage, ResultLine } from '../../functions/batches/part.ts';
import type { BatchWork } from '../../functions/batches/work.ts';
import { VeneerError } from '../../functions/error.ts';
import { refusedInput } from '../../functions/http/tasks/refused-input.ts';
import { openDirectoryStore } from '../../functions/store/directory.ts';
import type { Store } from '../../functions/store/store.ts';

export const limits: BatchLimits = {
  ...defaultBatchLimits,
  maxLines: 50,
  maxBodyBytes: 10_000,
  maxLineBytes: 200,
  maxOpen: 3,
  partLines: 3,
};

export const model = { name: 'support', digest: 'd'.repeat(64) };

export interface World {
  store: Store;
  clock: { now: Date };
  /** What was answered, in its order. */
  asked: unknown[];
  counted: { batch: string; counts: ItemUsage & { requests: number } }[];
  errors: unknown[];
  /** A process; each has its own leases. Its answer to "x" is {echo: "x"}, of as many tokens as "x" has characters. */
  work(changes?: Partial<BatchWork>): BatchWork;
  accept(lines: string | readonly unknown[], changes?: Partial<NewBatch>): Promise<Batch>;
  read(place: BatchPlace): Promise<Batch>;
  /** Lines of all parts that are stored. */
  results(batch: Batch): Promise<ResultLine[]>;
  keys(prefix?: string): Promise<string[]>;
  open(): Promise<Marker[]>;
  remove(): Promise<void>;
}

export const rules = {
  maxLineBytes: limits.maxLineBytes,
  check({ inputs }: Asked) {
    if (typeof inputs !== 'string') throw new VeneerError('invalid_request', 'inputs: expected a string');
  },
  refusal: refusedInput,
};

export async function* streamOf(text: string | Uint8Array, size = 7): AsyncGenerator<Uint8Array> {
  const bytes = Buffer.from(text);
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

export async function openWorld(): Promise<World> {
  const folder = await mkdtemp(join(tmpdir(), 'veneer-batches-'));
  const store = openDirectoryStore(folder);
  const clock = { now: new Date('2026-03-01T12:00:00.000Z') };
  const world: World = {
    store,
    clock,
    asked: [],
    counted: [],
    errors: [],
    work: changes => ({
      store,
      now: () => clock.now,
      onError: error => world.errors.push(error),
      refusal: refusedInput,
      async open(): Promise<AnswerItem> {
        return async ({ inputs }) => {
          world.asked.push(inputs);
          return { output: { echo: inputs }, usage: { tokens: String(inputs).length, windows: 1 } };
        };
      },
      async count({ id }, counts) {
        world.counted.push({ batch: id, counts });
      },
      ...changes,
    }),
    async accept(lines, changes = {}) {
      const text =
        typeof lines === 'string' ? lines : lines.map(line => `${JSON.stringify(line)}\n`).join('');
      const { batch } = await acceptBatch(store, {
        tenant: 'acme',
        idempotencyKey: undefined,
        asked: { model: 'support', task: undefined },
        body: streamOf(text),
        resolve: async () => ({ model, task: 'classification', rules }),
        limits,
        now: clock.now,
        ...changes,
      });
      return batch;
    },
    async read(place) {
      return (await readBatch(store, place))!.batch;
    },
    async results(batch) {
      const lines: ResultLine[] = [];
      for (let part = 0; part < batch.parts.length; part++) {
        const found = await store.get(outputKey(batch, part));
        const text = found ? Buffer.from(found.bytes).toString() : '';
        lines.push(
          ...text
            .split('\n')
            .filter(Boolean)
            .map(line => JSON.parse(line) as ResultLine),
        );
      }
      return lines;
    },
    async keys(prefix = '') {
      const keys: string[] = [];
      for await (const key of store.list(prefix)) keys.push(key);
      return keys;
    },
    async open() {
      const open: Marker[] = [];
      for await (const marker of markers(store, 'open')) open.push(marker);
      return open;
    },
    remove: () => rm(folder, { recursive: true }),
  };
  return world;
}

/** `n` lines that ask `name 0`, `name 1`, ... */
export const asking = (n: number, name = 'text') =>
  Array.from({ length: n }, (_, i) => ({ id: `${name}-${i}`, inputs: `${name} ${i}` }));
