/** Runs a frozen graph over sample texts, one by one, on weights that are not in a store yet. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { EncoderConfig, Head } from '../../functions/artifacts/manifests.ts';
import { tokenFeeds } from '../../functions/engine/token-feeds.ts';
import { windowsOf } from '../../functions/tasks/windows.ts';
import type { Tokenizer } from '../../functions/tokenizer/tokenizer.ts';
import type { HostTensor } from '../engines/engine.ts';
import { onnxEngine } from '../engines/onnx.ts';
import type { Value } from '../graph/value.ts';
import { readWeightsFile } from '../weights.ts';

export interface SampleRun {
  config: EncoderConfig;
  tokenizer: Tokenizer;
  outputs: Readonly<Record<string, Value>>;
  /** The weights file that the graph refers to. */
  weights: Uint8Array;
  texts: readonly string[];
  /** What the graph reads beside tokens: `pooling` of a pooled head. */
  head: Head;
}

/** The outputs for each text; of a longer one, for its first window of 128 tokens. */
export async function runSamples(run: SampleRun): Promise<Record<string, HostTensor>[]> {
  const { config, tokenizer, outputs, weights, texts, head } = run;
  const options = { maxLength: Math.min(128, config.maxPositions - config.positionOffset), stride: 4 };
  const folder = await mkdtemp(join(tmpdir(), 'veneer-samples-'));
  try {
    const path = join(folder, 'weights');
    await writeFile(path, weights);
    const program = await onnxEngine({ threads: 1 }).compile({
      outputs,
      weights: await readWeightsFile(path),
    });
    const results: Record<string, HostTensor>[] = [];
    for (const text of texts) {
      const [window] = windowsOf(tokenizer, { a: tokenizer.encode(text), slide: 'A' }, options);
      results.push(await program.run(tokenFeeds([{ window: window!, head }], config)));
    }
    await program.close();
    return results;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
