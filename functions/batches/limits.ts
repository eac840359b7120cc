/**
 * What one batch, and one tenant, may ask for. What a batch computes counts as usage, but not against its key's tokens a
 * minute: those keep callers out of each other's way, and batches wait behind all of them.
 */

export interface BatchLimits {
  maxLines: number;
  maxBodyBytes: number;
  maxLineBytes: number;
  /** Batches of a tenant that are not over, those still being sent included. */
  maxOpen: number;
  /** Of a part: what a process that dies loses of its work at most. Whichever comes first. */
  partLines: number;
  partBytes: number;
}

export const defaultBatchLimits: BatchLimits = {
  maxLines: 50_000,
  maxBodyBytes: 256 << 20,
  maxLineBytes: 1 << 20,
  maxOpen: 16,
  partLines: 1000,
  partBytes: 1 << 20,
};

/** What a server may say of batches. */
export interface BatchOptions {
  limits?: Partial<BatchLimits> | undefined;
  /** Tells who works on batches here that there is one; where nobody does, another process finds it. */
  wake?: (() => void) | undefined;
}
