/** Hands a request that was answered to the version that its alias wants compared with the answer, if there is one. */
import type { ResidentAdapter } from '../artifacts/adapter.ts';
import { parseReference } from '../artifacts/names.ts';
import type { Services } from './services.ts';

export interface AnsweredRequest {
  tenant: string;
  reference: string;
  /** What answered, and its outputs as the task decoded them. */
  adapter: ResidentAdapter;
  outputs: readonly unknown[];
  /** The same question to another adapter, for its outputs. */
  ask(candidate: ResidentAdapter): Promise<readonly unknown[]>;
}

export function shadow(
  { adapters, shadows }: Pick<Services, 'adapters' | 'shadows'>,
  { tenant, reference, adapter, outputs, ask }: AnsweredRequest,
): void {
  const candidate = adapters.shadowOf(tenant, reference);
  if (candidate === undefined || candidate === adapter.digest) return;
  const { name } = parseReference(reference);
  const { task } = adapter.manifest;
  shadows.compare({
    ...{ tenant, name, task, live: adapter.digest, candidate, outputs },
    ask: async () => ask(await adapters.get(tenant, `${name}@sha256:${candidate}`)),
  });
}
