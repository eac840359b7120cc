/**
 * Trained vectors that a row has beside its own tokens: those of a prompt stand before them, those of a prefix are seen by
 * attention alone. Either way the row's own positions begin after them, as in PEFT.
 */
import type { AdapterManifest, EncoderConfig } from './manifests.ts';

export type VirtualTokens = Pick<AdapterManifest, 'prompt' | 'prefix'>;

/** Positions that they take. */
export function virtualCount({ prompt, prefix }: VirtualTokens): number {
  return prompt?.tokens ?? prefix?.tokens ?? 0;
}

/** Tokens of its own that a row can have, special ones counted. */
export function mostTokens({ maxPositions, positionOffset }: EncoderConfig, virtual: VirtualTokens): number {
  return maxPositions - positionOffset - virtualCount(virtual);
}

/** Whether attention can see a prefix: where positions come by distance or by rotation, it would have none. */
export function takesPrefix({ relativeBuckets, rotary }: EncoderConfig): boolean {
  return relativeBuckets === undefined && rotary === undefined;
}
