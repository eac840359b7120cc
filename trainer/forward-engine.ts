/**
 * A serving engine over the graph that training steps through: it answers rows with the logits of the parameters it was
 * given, whatever method they belong to. So what is not served is scored by the same encoding and decoding.
 */
import type { ResidentAdapter } from '../functions/artifacts/adapter.ts';
import type { AdapterManifest, BaseManifest } from '../functions/artifacts/manifests.ts';
import type { Engine, Row } from '../functions/engine/engine.ts';
import { encoderFeeds } from './batches.ts';
import type { Program } from './engines/engine.ts';
import type { HeadSpec } from './heads.ts';
import { type Layout, parameterInputs } from './parameters.ts';

export interface ForwardArguments {
  /** Gives `logits` (Step.logits); whoever compiled it closes it. */
  program: Program;
  base: BaseManifest;
  head: HeadSpec;
  layout: Layout;
  values: Float32Array;
}

/** Padded tokens of one run: every run takes all parameters along. */
const maxTokens = 4096;

/** predict() and evaluate() read an adapter's manifest alone; its tensors are the engine's parameters. */
export function standIn(manifest: Omit<AdapterManifest, 'quantization' | 'files'>): ResidentAdapter {
  return { manifest } as ResidentAdapter;
}

export function forwardEngine({ program, base, head, layout, values }: ForwardArguments): Engine {
  const parameters = parameterInputs(layout, values);
  const logitsOf = async (rows: readonly Row[]): Promise<Float32Array[]> => {
    const feeds = encoderFeeds(rows, { config: base.config, head: head.head, cloze: head.cloze });
    const { logits } = await program.run({ ...feeds, ...parameters });
    const each = logits!.data.length / rows.length;
    return rows.map(({ window }, row) => {
      const places = head.head.kind === 'token' ? window.ids.length : 1;
      return (logits!.data as Float32Array).slice(row * each, row * each + places * head.labels);
    });
  };
  return {
    base,
    async run(rows) {
      const longest = [...rows.keys()].sort(
        (a, b) => rows[b]!.window.ids.length - rows[a]!.window.ids.length,
      );
      const answers: Float32Array[] = [];
      for (let from = 0; from < longest.length; ) {
        const count = Math.max(1, Math.floor(maxTokens / rows[longest[from]!]!.window.ids.length));
        const batch = longest.slice(from, from + count);
        const logits = await logitsOf(batch.map(i => rows[i]!));
        batch.forEach((i, at) => {
          answers[i] = logits[at]!;
        });
        from += count;
      }
      return answers;
    },
    warm: async () => {},
    close: async () => {},
  };
}
