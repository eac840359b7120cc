/**
 * What a tenant used in a month (formatVersion 1): `tenants/<tenant>/usage/<yyyy-mm>/<writer>.json`, one object a process,
 * with all that the process counted so far. Only its writer replaces it, so nothing is lost and nothing counted twice,
 * whichever writes fail or are repeated; a month is the sum of its objects.
 */
import * as z from 'zod/mini';
import { canonicalJson } from '../artifacts/digest.ts';
import { parseDocument, parseName } from '../artifacts/document.ts';
import { AdapterName, matching, TenantName, type TextRule } from '../artifacts/names.ts';
import type { Store } from '../store/store.ts';

const count = z.int().check(z.nonnegative());
const Counts = z.object({
  /** Requests, or lines of a batch, that were answered. */
  requests: count,
  /** Tokens computed, special tokens counted. */
  tokens: count,
  windows: count,
});
export type Counts = z.infer<typeof Counts>;

export const monthRule: TextRule = [/^\d{4}-(?:0[1-9]|1[0-2])$/, 'a month is written as 2027-12'];
export const Month = matching(monthRule);
/** A process, or a compaction. */
const Writer = matching([/^[a-z0-9]{1,64}$/, 'a writer has lower-case letters and digits']);

export const UsageDocument = z.object({
  formatVersion: z.literal(1),
  adapters: z.record(AdapterName, Counts),
  /** Objects whose counts are in here: where one of them is still there, it does not count. */
  replaces: z.array(Writer),
});
export type UsageDocument = z.infer<typeof UsageDocument>;

/** By adapter name. */
export type Usage = Map<string, Counts>;

export function monthOf(date: Date): string {
  return `${date.getUTCFullYear()}-${String(date.getUTCMonth() + 1).padStart(2, '0')}`;
}

export function addCounts(usage: Usage, adapter: string, { requests, tokens, windows }: Counts): void {
  const counts = usage.get(adapter);
  if (!counts) usage.set(adapter, { requests, tokens, windows });
  else {
    counts.requests += requests;
    counts.tokens += tokens;
    counts.windows += windows;
  }
}

export interface UsagePlace {
  tenant: string;
  /** yyyy-mm, UTC. */
  month: string;
}

export function writeUsage(
  store: Store,
  {
    writer,
    usage,
    replaces = [],
    ...place
  }: UsagePlace & { writer: string; usage: Usage; replaces?: string[] },
): Promise<string> {
  const document: UsageDocument = { formatVersion: 1, adapters: Object.fromEntries(usage), replaces };
  return store.put(keyOf(place, writer), canonicalJson(document));
}

const readAtOnce = 16;

/** The objects of a month by writer, those that others replace left out. */
export async function readDocuments(store: Store, place: UsagePlace): Promise<Map<string, UsageDocument>> {
  const documents = new Map<string, UsageDocument>();
  const waiting = (await usageWriters(store, place)).values();
  const lane = async () => {
    for (const writer of waiting) {
      const key = keyOf(place, writer);
      const found = await store.get(key);
      if (found) documents.set(writer, parseDocument(UsageDocument, found.bytes, key));
    }
  };
  await Promise.all(Array.from({ length: readAtOnce }, lane));
  for (const { replaces } of [...documents.values()]) for (const writer of replaces) documents.delete(writer);
  return documents;
}

/** Of every object that is there, those that others replace as well. */
export async function usageWriters(store: Store, place: UsagePlace): Promise<string[]> {
  const folder = folderOf(place);
  const writers: string[] = [];
  for await (const key of store.list(folder)) writers.push(key.slice(folder.length, -'.json'.length));
  return writers;
}

export async function deleteDocument(store: Store, place: UsagePlace, writer: string): Promise<void> {
  await store.delete(keyOf(place, writer));
}

export function sumOf(documents: Iterable<UsageDocument>): Usage {
  const sum: Usage = new Map();
  for (const { adapters } of documents)
    for (const [adapter, counts] of Object.entries(adapters)) addCounts(sum, adapter, counts);
  return sum;
}

function folderOf({ tenant, month }: UsagePlace): string {
  return `tenants/${parseName(TenantName, tenant)}/usage/${parseName(Month, month)}/`;
}

function keyOf(place: UsagePlace, writer: string): string {
  return `${folderOf(place)}${parseName(Writer, writer)}.json`;
}
