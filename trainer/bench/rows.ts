/** Rows of made-up tokens, for benches. */
import type { ResidentAdapter } from '../../functions/artifacts/adapter.ts';
import type { EncoderConfig } from '../../functions/artifacts/manifests.ts';
import type { Row } from '../../functions/engine/engine.ts';

export interface BenchRows {
  /** Tokens of each row. */
  lengths: readonly number[];
  /** They take turns. */
  adapters: readonly ResidentAdapter[];
  config: EncoderConfig;
}

export function benchRows({ lengths, adapters, config: { vocabularySize } }: BenchRows): Row[] {
  // Past the special and unused ids that vocabularies begin with.
  const first = Math.min(1000, vocabularySize >> 1);
  return lengths.map((length, row) => {
    const ids = Int32Array.from(
      { length },
      (_, i) => first + (((row * 131 + i) * 7919) % (vocabularySize - first)),
    );
    const window = { ids, typeIds: new Int32Array(length), position: 1, first: 0, count: length - 2 };
    return { window, adapter: adapters[row % adapters.length]! };
  });
}
