/**
 * How batches are found without looking at every tenant: an empty object for each that is not over (`batches/open/`), and
 * for each that is (`batches/ended/`). The key says everything. A marker is written before what it marks and deleted after
 * it, so what a process left half done is found again.
 */
import type { Store } from '../store/store.ts';
import type { BatchPlace } from './document.ts';

export interface Marker extends BatchPlace {
  upload: string;
  /** When it was accepted, or when it ended: milliseconds since 1970. */
  atMs: number;
}

export type MarkerKind = 'open' | 'ended';

const digits = 14;
const pattern = /^(\d{14})\.([a-z0-9-]+)\.(batch-[0-9a-f]{32})\.([0-9a-f]{24})$/;

export async function putMarker(store: Store, kind: MarkerKind, marker: Marker): Promise<void> {
  await store.put(markerKey(kind, marker), new Uint8Array());
}

export async function deleteMarker(store: Store, kind: MarkerKind, marker: Marker): Promise<void> {
  await store.delete(markerKey(kind, marker));
}

/** Oldest first. */
export async function* markers(store: Store, kind: MarkerKind): AsyncGenerator<Marker> {
  const folder = `batches/${kind}/`;
  for await (const key of store.list(folder)) {
    const [, at, tenant, id, upload] = pattern.exec(key.slice(folder.length)) ?? [];
    if (at && tenant && id && upload) yield { atMs: Number(at), tenant, id, upload };
  }
}

function markerKey(kind: MarkerKind, { atMs, tenant, id, upload }: Marker): string {
  return `batches/${kind}/${String(atMs).padStart(digits, '0')}.${tenant}.${id}.${upload}`;
}
