/**
 * Rows that wait to run. Tenants take turns, a row a turn, so that one with a thousand rows delays another's single row by
 * one batch at most. A batch holds rows of one kind and like length, since all are padded to the longest.
 */

export interface Waiting {
  tenant: string;
  /** What rows of one batch have in common besides their length. */
  kind: string;
  /** Tokens. */
  length: number;
}

export interface BatchLimits {
  /** Rows times padded length at most; one row may be longer. */
  maxTokens: number;
  maxRows: number;
}

/** Rows of a tenant that are looked through for one that fits the batch. */
const lookAhead = 64;

/** A row fits beside one of `length` if padding it wastes under a fifth. */
const fits = (length: number, padded: number) => length <= padded && length >= padded * 0.8 - 2;

export class FairQueue<Entry extends Waiting> {
  /** In the order of their turns. */
  readonly #tenants = new Map<string, Entry[]>();
  #size = 0;

  get size() {
    return this.#size;
  }

  push(entry: Entry): void {
    const own = this.#tenants.get(entry.tenant);
    if (own) own.push(entry);
    else this.#tenants.set(entry.tenant, [entry]);
    this.#size++;
  }

  /** Takes out all entries that match, e.g. of a cancelled request. */
  remove(matches: (entry: Entry) => boolean): Entry[] {
    const removed: Entry[] = [];
    for (const [tenant, entries] of this.#tenants) {
      const kept = entries.filter(entry => !matches(entry));
      if (kept.length === entries.length) continue;
      removed.push(...entries.filter(matches));
      if (kept.length > 0) this.#tenants.set(tenant, kept);
      else this.#tenants.delete(tenant);
    }
    this.#size -= removed.length;
    return removed;
  }

  /** The next batch: begins with the tenant whose turn it is; empty where nothing waits. */
  take({ maxTokens, maxRows }: BatchLimits): Entry[] {
    const first = this.#tenants.values().next().value?.[0];
    if (!first) return [];
    const batch: Entry[] = [];
    // Rows up to a little longer than the first may join, so that its neighbours on both sides are found.
    const longest = Math.max(first.length, Math.min(Math.ceil(first.length * 1.2), maxTokens));
    let [padded, shortest] = [first.length, first.length];
    const admits = (entry: Entry) => {
      const next = Math.max(padded, entry.length);
      return (
        entry.kind === first.kind &&
        entry.length <= longest &&
        fits(Math.min(entry.length, shortest), next) &&
        (batch.length + 1) * next <= Math.max(maxTokens, first.length)
      );
    };
    let found = true;
    while (found && batch.length < maxRows) {
      found = false;
      for (const [tenant, entries] of [...this.#tenants]) {
        if (batch.length === maxRows) break;
        const at = entries.slice(0, lookAhead).findIndex(admits);
        if (at < 0) continue;
        const [entry] = entries.splice(at, 1);
        batch.push(entry!);
        padded = Math.max(padded, entry!.length);
        shortest = Math.min(shortest, entry!.length);
        found = true;
        // Served: to the end of the line.
        this.#tenants.delete(tenant);
        if (entries.length > 0) this.#tenants.set(tenant, entries);
      }
    }
    this.#size -= batch.length;
    return batch;
  }
}
