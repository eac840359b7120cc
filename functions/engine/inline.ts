/**
 * The engine that runs in the calling thread, for hosts that handle one request at a time and for the trainer. Rows are
 * grouped by head, sorted by length and cut into runs under a token budget; sessions open when first needed.
 */
import type { BaseManifest } from '../artifacts/manifests.ts';
import { assemble } from './batch.ts';
import { saturates } from './cpu.ts';
import type { Engine, Row } from './engine.ts';
import { openSession, type Session } from './session.ts';
import { headKind, headKinds, smallestSet, type Variant, variantName } from './variants.ts';

export interface InlineOptions {
  base: BaseManifest;
  /** Local path of a serving graph, its weights file beside it. */
  graphPath(variant: string): Promise<string>;
  threads: number;
}

/** Rows times padded length of one run at most. Beyond a few thousand tokens a run gains nothing and answers later. */
const maxBatchTokens = 4096;
/** Rows of one run at most: each row's adapter is expanded to float32, 0.6 MB at q,v and rank 8. */
const maxBatchRows = 64;

export function inlineEngine({ base, graphPath, threads }: InlineOptions): Engine {
  const narrow = base.precision === 'int8' && saturates();
  const sessions = new Map<string, Promise<Session>>();
  const sessionOf = (name: string) => {
    let session = sessions.get(name);
    if (!session) {
      session = graphPath(name).then(path => openSession(path, threads));
      session.catch(() => sessions.delete(name));
      sessions.set(name, session);
    }
    return session;
  };

  const runBatch = async (rows: readonly Row[], variant: Variant): Promise<Float32Array[]> => {
    const session = await sessionOf(variantName(variant));
    const { data, shape } = await session.run(assemble(rows, variant, base.config));
    const [, places, width] = shape as [number, number, number];
    return rows.map(({ window, adapter }, row) => {
      const labels = adapter.manifest.labels.length;
      const count = variant.head === 'token' ? window.ids.length : 1;
      const logits = new Float32Array(count * labels);
      for (let i = 0; i < count; i++) {
        const from = (row * places + i) * width;
        logits.set(data.subarray(from, from + labels), i * labels);
      }
      return logits;
    });
  };

  return {
    base,
    async run(rows) {
      const results = new Array<Float32Array>(rows.length);
      for (const head of headKinds) {
        const group = [...rows.keys()].filter(i => headKind(rows[i]!.adapter.manifest.head) === head);
        for (const indices of batchesOf(group, i => rows[i]!.window.ids.length)) {
          const batch = indices.map(i => rows[i]!);
          const modules = smallestSet(batch.flatMap(row => row.adapter.manifest.lora.targetModules));
          const isInt8 = batch.every(row => row.adapter.manifest.quantization === 'int8');
          const variant: Variant = { head, modules, lora: isInt8 ? 'int8' : 'float32', narrow };
          (await runBatch(batch, variant)).forEach((logits, i) => {
            results[indices[i]!] = logits;
          });
        }
      }
      return results;
    },
    async close() {
      const open = await Promise.allSettled(sessions.values());
      sessions.clear();
      await Promise.all(
        open.map(session => (session.status === 'fulfilled' ? session.value.close() : undefined)),
      );
    },
  };
}

/** Cuts indices, longest first, into batches under the token and row budgets. */
function batchesOf(indices: readonly number[], lengthOf: (index: number) => number): number[][] {
  const sorted = [...indices].sort((a, b) => lengthOf(b) - lengthOf(a));
  const batches: number[][] = [];
  while (sorted.length > 0) {
    const longest = lengthOf(sorted[0]!);
    batches.push(sorted.splice(0, Math.min(maxBatchRows, Math.max(1, Math.floor(maxBatchTokens / longest)))));
  }
  return batches;
}
