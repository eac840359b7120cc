/** What this process counts: in memory, and now and then written as its own object of the tenant's month. */
import { randomBytes } from 'node:crypto';
import type { Store } from '../store/store.ts';
import {
  addCounts,
  type Counts,
  monthOf,
  readDocuments,
  sumOf,
  type Usage,
  type UsagePlace,
  writeUsage,
} from './document.ts';

export interface UsageCounter {
  /** Done at once, unless every count is written at once (`flushEveryMs` 0). */
  count(of: { tenant: string; adapter: string }, counts: Counts): Promise<void>;
  /** Of all processes what they wrote, of this one what it counted. */
  read(place: UsagePlace): Promise<Usage>;
  /** Writes what is not written yet. @throws What the store throws; all counts are kept for the next time. */
  flush(): Promise<void>;
  /** Flushes for the last time. A store that fails is asked again a few times. */
  close(): Promise<void>;
}

export interface UsageCounterOptions {
  store: Store;
  now(): Date;
  /** 0 writes every count before its request is answered: for processes that may freeze or vanish after it. */
  flushEveryMs: number;
  onFlushError(error: unknown): void;
  /** Between the tries of `close`. */
  retryPauseMs?: number;
}

const flushAtOnce = 16;
const closingTries = 4;

/** All that was counted of a month since it was first counted here. */
interface Counted extends UsagePlace {
  /** Names its object; never used again. */
  writer: string;
  usage: Usage;
  changed: boolean;
}

export function openUsageCounter({
  store,
  now,
  flushEveryMs,
  onFlushError,
  retryPauseMs = 500,
}: UsageCounterOptions): UsageCounter {
  const counted = new Map<string, Counted>();
  let flushing = Promise.resolve();

  const write = async (key: string, entry: Counted) => {
    entry.changed = false;
    try {
      await writeUsage(store, entry);
    } catch (error) {
      entry.changed = true;
      throw error;
    }
    if (entry.month < monthOf(now()) && !entry.changed) counted.delete(key);
  };

  const writeAll = async () => {
    const waiting = [...counted].filter(([, { changed }]) => changed).values();
    const errors: unknown[] = [];
    const lane = async () => {
      for (const [key, entry] of waiting) await write(key, entry).catch(error => errors.push(error));
    };
    await Promise.all(Array.from({ length: flushAtOnce }, lane));
    if (errors.length > 0) throw errors[0];
  };
  /** One after another: of two writes of one object the later must be the one that stays. */
  const flush = () => {
    const next = flushing.catch(() => {}).then(writeAll);
    flushing = next;
    next.catch(() => {});
    return next;
  };

  const timer =
    flushEveryMs > 0 ? setInterval(() => void flush().catch(onFlushError), flushEveryMs) : undefined;
  timer?.unref();

  return {
    async count({ tenant, adapter }, counts) {
      const month = monthOf(now());
      const key = `${tenant}/${month}`;
      let entry = counted.get(key);
      if (!entry) {
        const writer = randomBytes(12).toString('hex');
        entry = { tenant, month, writer, usage: new Map(), changed: false };
        counted.set(key, entry);
      }
      addCounts(entry.usage, adapter, counts);
      entry.changed = true;
      if (flushEveryMs === 0) await flush().catch(onFlushError);
    },
    async read(place) {
      const own = counted.get(`${place.tenant}/${place.month}`);
      const documents = await readDocuments(store, place);
      if (own) documents.delete(own.writer);
      const sum = sumOf(documents.values());
      for (const [adapter, counts] of own?.usage ?? []) addCounts(sum, adapter, counts);
      return sum;
    },
    flush,
    async close() {
      clearInterval(timer);
      for (let tried = 1; ; tried++) {
        try {
          return await flush();
        } catch (error) {
          if (tried === closingTries) throw error;
          await new Promise(resolve => setTimeout(resolve, retryPauseMs * tried));
        }
      }
    },
  };
}
