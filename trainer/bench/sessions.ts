/** One session per tenant, merged, against one session for all: time of a mixed batch, memory and time to open each. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { BaseManifest } from '../../functions/artifacts/manifests.ts';
import { saturates } from '../../functions/engine/cpu.ts';
import { variantName } from '../../functions/engine/variants.ts';
import type { Store } from '../../functions/store/store.ts';
import { benchAdapter } from './adapter.ts';
import { inTurn, median, startMeasured } from './child.ts';
import { writeMerged } from './merged.ts';
import type { ServeBench } from './serve-run.ts';
import type { SessionsBench, SessionsCost } from './sessions-run.ts';

const tenants = 8;
const length = 64;
const spec = { modules: ['q', 'v'] as ['q', 'v'], rank: 8 };

export interface SessionsResult {
  tenants: number;
  /** One row of 64 tokens a tenant. */
  batchMs: number;
  oursMs: number;
  /** Of one session. */
  openMs: number;
  memoryMb: number;
}

export async function compareSessions(store: Store, manifest: BaseManifest): Promise<SessionsResult> {
  const folder = await mkdtemp(join(tmpdir(), 'veneer-sessions-'));
  const narrow = manifest.precision === 'int8' && saturates();
  const entry = (name: string) => fileURLToPath(new URL(`./bench/${name}.js`, import.meta.url));
  try {
    const graphs = await writeMerged({
      store,
      manifest,
      adapters: Array.from({ length: tenants }, (_, seed) => benchAdapter(manifest, { seed, ...spec })),
      variant: variantName({ head: 'pooled', modules: [], form: 'int8', narrow }),
      folder,
    });
    const place = { store: store.url, base: manifest.name };
    const ours: ServeBench = {
      ...place,
      ...spec,
      config: manifest.config,
      adapters: tenants,
      lengths: new Array(tenants).fill(length),
    };
    const theirs: SessionsBench = { ...place, graphs, length, narrow };
    const sides = [
      await startMeasured<SessionsCost>(process.execPath, [entry('sessions-run'), JSON.stringify(theirs)]),
      await startMeasured(process.execPath, [entry('serve-run'), JSON.stringify(ours)]),
    ] as const;
    const [merged, shared] = await inTurn(sides, { rounds: 9, stepsPerRound: 3 });
    const { openMs, rssMb } = await sides[0].go(1);
    for (const side of sides) side.close();
    return {
      tenants,
      batchMs: merged!.ms,
      oursMs: shared!.ms,
      openMs: median(openMs),
      memoryMb: (rssMb[1] - rssMb[0]) / tenants,
    };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
