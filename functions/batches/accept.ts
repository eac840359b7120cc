/** Takes a batch: its lines first, then the document that makes it one. A repeated Idempotency-Key finds the first. */
import { canonicalJson, sha256 } from '../artifacts/digest.ts';
import type { TaskName } from '../artifacts/names.ts';
import { VeneerError } from '../error.ts';
import type { Store } from '../store/store.ts';
import { type Batch, createBatch, deleteFiles, newBatchId, newUploadId, readBatch } from './document.ts';
import type { ItemRules } from './item.ts';
import type { BatchLimits } from './limits.ts';
import { deleteMarker, type Marker, markers, putMarker } from './markers.ts';
import { digestOf, type Uploaded, uploadLines } from './upload.ts';

export interface NewBatch {
  tenant: string;
  idempotencyKey: string | undefined;
  /** What was asked besides the lines, as it was written. */
  asked: Record<string, string | undefined>;
  body: AsyncIterable<Uint8Array>;
  /** What that means now; not asked for where the batch is there already. */
  resolve(): Promise<{ model: Batch['model']; task: TaskName; rules: ItemRules }>;
  limits: BatchLimits;
  now: Date;
}

const retryAfterSeconds = 60;

/**
 * @throws VeneerError `invalid_request` where the Idempotency-Key came with another request before, `rate_limited` where
 * the tenant has too many batches open.
 */
export async function acceptBatch(
  store: Store,
  { tenant, idempotencyKey, asked, body, resolve, limits, now }: NewBatch,
): Promise<{ batch: Batch; created: boolean }> {
  const id = newBatchId(tenant, idempotencyKey);
  const fingerprintOf = (digest: string) => sha256(canonicalJson({ ...asked, body: digest }));
  const standing = await readBatch(store, { tenant, id });
  if (standing) return repeated(standing.batch, fingerprintOf(await digestOf(body, limits)));

  const { model, task, rules } = await resolve();
  await checkOpen(store, tenant, limits);
  const marker: Marker = { tenant, id, upload: newUploadId(), atMs: now.getTime() };
  const { upload } = marker;
  await putMarker(store, 'open', marker);
  const discard = async () => {
    await deleteFiles(store, marker);
    await deleteMarker(store, 'open', marker);
  };
  let uploaded: Uploaded;
  try {
    uploaded = await uploadLines(store, { tenant, upload, body, rules, limits });
  } catch (error) {
    // Where this fails, too, the marker is what it is found by later.
    await discard().catch(() => {});
    throw error;
  }
  const fingerprint = fingerprintOf(uploaded.digest);
  const batch: Batch = {
    formatVersion: 1,
    ...{ id, tenant, model, task, fingerprint, upload },
    parts: uploaded.parts,
    state: 'waiting',
    error: null,
    done: { parts: 0, succeeded: 0, failed: 0, tokens: 0, windows: 0 },
    createdAt: now.toISOString(),
    startedAt: null,
    endedAt: null,
    lease: null,
  };
  if (await createBatch(store, batch)) return { batch, created: true };
  // The same request was sent twice at once, and the other was first.
  await discard();
  const first = await readBatch(store, { tenant, id });
  if (!first) throw new VeneerError('unavailable', `${id} was deleted while it was sent: send it again`);
  return repeated(first.batch, fingerprint);
}

function repeated(batch: Batch, fingerprint: string): { batch: Batch; created: false } {
  if (batch.fingerprint === fingerprint) return { batch, created: false };
  throw new VeneerError(
    'invalid_request',
    `this Idempotency-Key was sent before with another request, which is ${batch.id}: choose a new one`,
  );
}

async function checkOpen(store: Store, tenant: string, { maxOpen }: BatchLimits): Promise<void> {
  let open = 0;
  for await (const marker of markers(store, 'open')) if (marker.tenant === tenant) open++;
  if (open >= maxOpen)
    throw new VeneerError('rate_limited', `${open} batches are open already: wait for one, or cancel one`, {
      retryAfterSeconds,
    });
}
