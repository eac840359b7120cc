/**
 * Dropout (https://jmlr.org/papers/v15/srivastava14a.html) as masks that a hash makes of a key and a place: keys are an input,
 * drawn from (seed, step, micro-batch, site), so that a resumed run drops what the whole run would have dropped.
 */
import type { HostTensor } from './engines/engine.ts';
import type { Graph } from './graph/graph.ts';
import type { Dropout } from './models/family.ts';
import { bits } from './random.ts';

export interface DropoutSpec {
  /** Rate after the embeddings, after each residual branch, and before the head. */
  hidden: number;
  /** Rate of attention probabilities. */
  attention: number;
}

const keysInput = 'dropout_keys';
/** Stream of the random generator. */
const dropoutStream = 2;

/** Each call is a site with masks of its own. `sites` is how many there are so far. */
export function dropoutSites(g: Graph, rates: DropoutSpec): { dropout: Dropout; sites(): number } {
  let sites = 0;
  const dropout: Dropout = (x, kind) => {
    const rate = rates[kind];
    if (rate === 0) return x;
    const keys = g.input(keysInput, ['D'], 'int32');
    return g.mul(x, g.dropoutMask(keys, { shape: x.shape, rate, site: sites++ }));
  };
  return { dropout, sites: () => sites };
}

/** The step graph's keys for one micro-batch; none where nothing is dropped. */
export function dropoutKeys(
  sites: number,
  { seed, step, microBatch }: { seed: number; step: number; microBatch: number },
): Record<string, HostTensor> {
  if (sites === 0) return {};
  const data = Int32Array.from({ length: sites }, (_, site) =>
    bits({ seed, stream: dropoutStream }, step, microBatch, site),
  );
  return { [keysInput]: { dtype: 'int32', shape: [sites], data } };
}
