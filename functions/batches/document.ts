/**
 * A batch as the store has it (formatVersion 1): `tenants/<tenant>/batches/<id>.json`, written when all its lines are
 * there and rewritten by compare-and-swap alone. Its lines and results are write-once parts under
 * `tenants/<tenant>/batch-files/<upload>/`, named by the upload they came in.
 */
import { randomBytes } from 'node:crypto';
import * as z from 'zod/mini';
import { canonicalJson, sha256 } from '../artifacts/digest.ts';
import { parseDocument, parseName } from '../artifacts/document.ts';
import { AdapterName, Digest, matching, TaskName, TenantName, type TextRule } from '../artifacts/names.ts';
import { VeneerError } from '../error.ts';
import type { Store } from '../store/store.ts';

export const batchIdRule: TextRule = [
  /^batch-[0-9a-f]{32}$/,
  'a batch id is batch- and 32 hexadecimal digits',
];
const BatchId = matching(batchIdRule);
const UploadId = matching([/^[0-9a-f]{24}$/, 'an upload id has 24 hexadecimal digits']);

const count = z.int().check(z.nonnegative());
const time = z.iso.datetime();

export const states = ['waiting', 'running', 'completed', 'cancelled', 'failed'] as const;

export const Batch = z.object({
  formatVersion: z.literal(1),
  id: BatchId,
  tenant: TenantName,
  /** The version that the reference meant when the batch was accepted: all lines are answered by this one. */
  model: z.object({ name: AdapterName, digest: Digest }),
  task: TaskName,
  /** Of everything that was asked, so that the same Idempotency-Key with another request is noticed. */
  fingerprint: Digest,
  upload: UploadId,
  /** Lines of each part. */
  parts: z.array(count).check(z.minLength(1)),
  state: z.enum(states),
  /** Why it failed. */
  error: z.nullable(z.string()),
  done: z.object({ parts: count, succeeded: count, failed: count, tokens: count, windows: count }),
  createdAt: time,
  startedAt: z.nullable(time),
  endedAt: z.nullable(time),
  /** Who works on it, and until when others keep away. */
  lease: z.nullable(z.object({ owner: z.string(), until: time })),
});
export type Batch = z.infer<typeof Batch>;

export interface BatchPlace {
  tenant: string;
  id: string;
}

export interface StandingBatch {
  batch: Batch;
  etag: string;
}

export function isOver({ state }: Batch): boolean {
  return state !== 'waiting' && state !== 'running';
}

export function linesOf({ parts }: Pick<Batch, 'parts'>): number {
  return parts.reduce((sum, lines) => sum + lines, 0);
}

/** The same for the same Idempotency-Key, so that a repeated request finds its batch without a look-up. */
export function newBatchId(tenant: string, idempotencyKey: string | undefined): string {
  const random = randomBytes(16).toString('hex');
  return `batch-${idempotencyKey === undefined ? random : sha256(`${tenant}\n${idempotencyKey}`).slice(0, 32)}`;
}

export const newUploadId = () => randomBytes(12).toString('hex');

export async function readBatch(store: Store, place: BatchPlace): Promise<StandingBatch | undefined> {
  const found = await store.get(batchKey(place));
  return found && { batch: parseDocument(Batch, found.bytes, batchKey(place)), etag: found.etag };
}

/** False where the batch is there already. */
export async function createBatch(store: Store, batch: Batch): Promise<boolean> {
  try {
    await store.put(batchKey(batch), canonicalJson(batch), { absent: true });
    return true;
  } catch (error) {
    if (isConflict(error)) return false;
    throw error;
  }
}

/** Writes a change of what was read, unless somebody else changed it first: then undefined. */
export async function replaceBatch(
  store: Store,
  standing: StandingBatch,
  changes: Partial<Batch>,
): Promise<StandingBatch | undefined> {
  const batch = { ...standing.batch, ...changes };
  try {
    return { batch, etag: await store.put(batchKey(batch), canonicalJson(batch), { etag: standing.etag }) };
  } catch (error) {
    if (isConflict(error)) return undefined;
    throw error;
  }
}

export async function* batchIds(store: Store, tenant: string): AsyncGenerator<string> {
  const folder = batchFolder(tenant);
  for await (const key of store.list(folder)) yield key.slice(folder.length).replace(/\.json$/, '');
}

export async function deleteBatch(store: Store, { tenant, id, upload }: BatchPlace & { upload: string }) {
  await deleteFiles(store, { tenant, upload });
  await store.delete(batchKey({ tenant, id }));
}

export async function deleteFiles(store: Store, upload: UploadPlace): Promise<void> {
  for await (const key of store.list(uploadFolder(upload))) await store.delete(key);
}

export interface UploadPlace {
  tenant: string;
  upload: string;
}

/** JSONL, a line an item (item.ts). */
export const inputKey = (place: UploadPlace, part: number) => partKey(place, 'input', part);
/** JSONL, a line a result (part.ts). */
export const outputKey = (place: UploadPlace, part: number) => partKey(place, 'output', part);

function partKey(place: UploadPlace, kind: 'input' | 'output', part: number): string {
  return `${uploadFolder(place)}${kind}/${String(part).padStart(5, '0')}.jsonl`;
}

function uploadFolder({ tenant, upload }: UploadPlace): string {
  return `tenants/${parseName(TenantName, tenant)}/batch-files/${parseName(UploadId, upload)}/`;
}

function batchFolder(tenant: string): string {
  return `tenants/${parseName(TenantName, tenant)}/batches/`;
}

function batchKey({ tenant, id }: BatchPlace): string {
  return `${batchFolder(tenant)}${parseName(BatchId, id)}.json`;
}

export function isConflict(error: unknown): boolean {
  return error instanceof VeneerError && error.code === 'conflict';
}
