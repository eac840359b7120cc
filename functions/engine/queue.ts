/**
 * Rows that wait to run. Tenants take turns, a row a turn, so that one with a thousand rows delays another's single row by
 * one batch at most. A batch holds rows of one kind and like length, since all are padded to the longest. Rows in the
 * background run where no other row waits, and, so that they go on under any load, once every 16 batches.
 */

/** `interactive`: somebody waits for the answer. */
export type Priority = 'interactive' | 'background';

export interface Waiting {
  tenant: string;
  /** Left out: interactive. */
  priority?: Priority | undefined;
  /** What rows of one batch have in common besides their length. */
  kind: string;
  /** What those rows of one batch have in common that have it at all. Left out: nothing. */
  parts?: Readonly<Record<string, string>>;
  /** Tokens. */
  length: number;
}

export interface BatchLimits {
  /** Rows times padded length at most; one row may be longer. */
  maxTokens: number;
  maxRows: number;
}

export interface Turn {
  /** Whether the batch would wait behind another: the background then has only the turn that is due to it. */
  busy?: boolean;
  /** Runners that share what waits: where that does not fill a batch for each, a batch is its share at most. */
  runners?: number;
}

/** Of this many batches in a row, one is of the background where rows wait there. */
const backgroundEvery = 16;

/** Tokens of which two batches take longer than one of both. */
const leastShare = 64;

/** Rows of a tenant that are looked through for one that fits the batch. */
const lookAhead = 64;

/** A row fits beside one of `length` if padding it wastes under a fifth. */
const fits = (length: number, padded: number) => length <= padded && length >= padded * 0.8 - 2;

/** Whether no part of the row differs from the batch's. */
function goesWith(batch: Readonly<Record<string, string>>, { parts = {} }: Waiting): boolean {
  for (const name in parts) if ((batch[name] ?? parts[name]) !== parts[name]) return false;
  return true;
}

export class FairQueue<Entry extends Waiting> {
  /** Tenants in the order of their turns. */
  readonly #lines: Record<Priority, Map<string, Entry[]>> = { interactive: new Map(), background: new Map() };
  readonly #sizes: Record<Priority, number> = { interactive: 0, background: 0 };
  readonly #tokens: Record<Priority, number> = { interactive: 0, background: 0 };
  /** Batches since the background last had one, or had nothing that waited. */
  #passedOver = 0;

  get size() {
    return this.#sizes.interactive + this.#sizes.background;
  }

  /** Rows that have to wait for at most one batch of the background. */
  get interactiveSize() {
    return this.#sizes.interactive;
  }

  push(entry: Entry): void {
    const priority = priorityOf(entry);
    const line = this.#lines[priority];
    const own = line.get(entry.tenant);
    if (own) own.push(entry);
    else line.set(entry.tenant, [entry]);
    this.#sizes[priority]++;
    this.#tokens[priority] += entry.length;
  }

  /** Takes out all entries that match, e.g. of a cancelled request. */
  remove(matches: (entry: Entry) => boolean): Entry[] {
    const removed: Entry[] = [];
    for (const line of Object.values(this.#lines))
      for (const [tenant, entries] of line) {
        const kept = entries.filter(entry => !matches(entry));
        if (kept.length === entries.length) continue;
        removed.push(...entries.filter(matches));
        if (kept.length > 0) line.set(tenant, kept);
        else line.delete(tenant);
      }
    for (const entry of removed) this.#left(priorityOf(entry), entry);
    return removed;
  }

  /** The next batch: begins with the tenant whose turn it is; empty where nothing waits. */
  take({ maxTokens, maxRows }: BatchLimits, { busy = false, runners = 1 }: Turn = {}): Entry[] {
    const priority = this.#next(busy);
    if (priority === undefined) return [];
    this.#passedOver = priority === 'background' || this.#sizes.background === 0 ? 0 : this.#passedOver + 1;
    const share = runners === 1 ? maxTokens : Math.max(leastShare, this.#tokens[priority] / runners);
    const batch = takeFrom(this.#lines[priority], { maxTokens: Math.min(maxTokens, share), maxRows });
    for (const entry of batch) this.#left(priority, entry);
    return batch;
  }

  #left(priority: Priority, { length }: Entry): void {
    this.#sizes[priority]--;
    this.#tokens[priority] -= length;
  }

  #next(busy: boolean): Priority | undefined {
    const { interactive, background } = this.#sizes;
    if (background > 0 && this.#passedOver >= backgroundEvery - 1) return 'background';
    if (interactive > 0) return 'interactive';
    return background > 0 && !busy ? 'background' : undefined;
  }
}

function priorityOf({ priority = 'interactive' }: Waiting): Priority {
  return priority;
}

function takeFrom<Entry extends Waiting>(
  line: Map<string, Entry[]>,
  { maxTokens, maxRows }: BatchLimits,
): Entry[] {
  const first = line.values().next().value?.[0];
  if (!first) return [];
  const batch: Entry[] = [];
  // Rows up to a little longer than the first may join, so that its neighbours on both sides are found.
  const longest = Math.max(first.length, Math.min(Math.ceil(first.length * 1.2), maxTokens));
  let [padded, shortest] = [first.length, first.length];
  const parts: Record<string, string> = { ...first.parts };
  const admits = (entry: Entry) => {
    const next = Math.max(padded, entry.length);
    return (
      entry.kind === first.kind &&
      goesWith(parts, entry) &&
      entry.length <= longest &&
      fits(Math.min(entry.length, shortest), next) &&
      (batch.length + 1) * next <= Math.max(maxTokens, first.length)
    );
  };
  let found = true;
  while (found && batch.length < maxRows) {
    found = false;
    for (const [tenant, entries] of [...line]) {
      if (batch.length === maxRows) break;
      const at = entries.slice(0, lookAhead).findIndex(admits);
      if (at < 0) continue;
      const [entry] = entries.splice(at, 1);
      batch.push(entry!);
      Object.assign(parts, entry!.parts);
      padded = Math.max(padded, entry!.length);
      shortest = Math.min(shortest, entry!.length);
      found = true;
      // Served: to the end of the line.
      line.delete(tenant);
      if (entries.length > 0) line.set(tenant, entries);
    }
  }
  return batch;
}
