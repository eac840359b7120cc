/** What a job trains, as one document of the store: the options of `train` of each of its runs, which its parts take by number. */
import * as z from 'zod';
import { canonicalJson, sha256 } from '../../functions/artifacts/digest.ts';
import { parseDocument } from '../../functions/artifacts/document.ts';
import { Digest } from '../../functions/artifacts/names.ts';
import { VeneerError } from '../../functions/error.ts';
import type { Store } from '../../functions/store/store.ts';

/** What AWS Batch allows an array of jobs. */
export const maxRuns = 10_000;

const Plan = z.object({
  formatVersion: z.literal(1),
  /** As they would stand behind `trainer train`. */
  runs: z.array(z.array(z.string())).min(1).max(maxRuns),
});
export type Plan = z.infer<typeof Plan>;

const keyOf = (digest: string) => `jobs/${digest}.json`;

/** Returns the plan's digest, by which a job finds it. The same runs are the same plan. */
export async function writePlan(store: Store, runs: Plan['runs']): Promise<string> {
  const bytes = canonicalJson({ formatVersion: 1, runs } satisfies Plan);
  const digest = sha256(bytes);
  await store.put(keyOf(digest), bytes, { absent: true }).catch(error => {
    if (!(error instanceof VeneerError) || error.code !== 'conflict') throw error;
  });
  return digest;
}

/** @throws VeneerError `not_found`, or `digest_mismatch` where the document is not the one that was submitted. */
export async function readPlan(store: Store, digest: string): Promise<Plan> {
  if (!Digest.safeParse(digest).success)
    throw new VeneerError('usage', `${JSON.stringify(digest)} is no plan: 64 hexadecimal digits are`);
  const found = await store.get(keyOf(digest));
  const where = `${store.url}/${keyOf(digest)}`;
  if (!found) throw new VeneerError('not_found', `${where} is not there: submit the job again`);
  if (sha256(found.bytes) !== digest)
    throw new VeneerError('digest_mismatch', `${where} was changed: submit the job again`);
  return parseDocument(Plan, found.bytes, where);
}
