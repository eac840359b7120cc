/**
 * The seam every piece of state goes through: a flat map from key to bytes with conditional writes.
 * Knows nothing of tenants or artifacts. Implementations: directory.ts, s3.ts, plain-s3.ts; all pass test/store/store.cases.ts.
 */

export interface StoredObject {
  bytes: Uint8Array;
  /** Opaque version of the object; equal etags mean equal bytes under one key. */
  etag: string;
}

/** `absent`: only where no object is there. `etag`: only where the object still has this etag. */
export type WriteCondition = { absent: true } | { etag: string };

export interface Store {
  /** The URL it was opened from, for messages: `file:/abs/dir` or `s3://bucket/prefix`. */
  readonly url: string;
  /** The object under `key`, or undefined where none is there. */
  get(key: string): Promise<StoredObject | undefined>;
  /** The same where the object no longer has this etag; `unchanged`, without its bytes, where it still has. */
  getIfChanged(key: string, etag: string): Promise<StoredObject | 'unchanged' | undefined>;
  /**
   * Bytes `start` to `end` (one past the last) of an object that never changes, as they come, where parts of one can be read
   * at once; none where no object is there. Nothing checks them on their way: whoever asks knows the digest of the whole.
   */
  getRange?(key: string, start: number, end: number): AsyncIterable<Uint8Array>;
  /**
   * Writes whole or not at all and returns the new etag.
   * @throws VeneerError `conflict` where `condition` does not hold; exactly one of racing conditional writers wins.
   */
  put(key: string, bytes: Uint8Array, condition?: WriteCondition): Promise<string>;
  /** Keys that start with `prefix`, in ascending order of their UTF-8 bytes. */
  list(prefix: string): AsyncIterable<string>;
  /** Removes the object; nothing happens where none is there. */
  delete(key: string): Promise<void>;
  /** A URL that reads the object for so long without credentials, where the store can make one. */
  presign?(key: string, seconds: number): Promise<string>;
  /** Absolute path of the object's file where the store is a directory on this machine (the file may be absent). */
  localPath?(key: string): string;
}
