/**
 * What a run remembers of the runs before it, and what it leaves for those after it: replayed examples, penalties, and the files
 * replay.jsonl and fisher.safetensors beside its adapter.
 */
import type { EncoderConfig } from '../../functions/artifacts/manifests.ts';
import { VeneerError } from '../../functions/error.ts';
import type { TrainingRow } from '../batches.ts';
import type { Split } from '../data/dataset.ts';
import type { Example } from '../data/holdout.ts';
import type { Engine, WeightsFile } from '../engines/engine.ts';
import type { HeadSpec } from '../heads.ts';
import type { Layout } from '../parameters.ts';
import type { Penalty } from '../penalty.ts';
import { inheritedMask } from '../start.ts';
import type { Step } from '../step.ts';
import type { TrainOptions } from '../train-options.ts';
import type { Trained } from '../trained.ts';
import { ewcPenalty } from './ewc.ts';
import { fisherFile, measureFisher, readFisher, writeFisher } from './fisher.ts';
import { grownPairs, orthogonalPenalty } from './orthogonal.ts';
import { chooseReplay, type Remembered, readReplay, replayFile, writeReplay } from './replay.ts';

export interface Replay {
  /** The data with the examples of before behind its own. */
  train: Split<{ where: string }>;
  /** What is kept for runs that go on from this one; undefined where nothing is to be. */
  kept: Remembered[] | undefined;
  /** Digest of the buffer that was read. */
  digests: { replay?: string };
}

export async function replayOf(
  options: TrainOptions,
  given: Split<{ where: string }>,
  log: (line: string) => void,
): Promise<Replay> {
  const { replay, from, seed, task } = options;
  const train = given as Split<Example>;
  // 0 is as without, but that labels of before may be without an example.
  if (!replay) return { train, kept: undefined, digests: {} };
  const read = from?.directory === undefined ? undefined : await readReplay(from.directory, task);
  if (from && !read) log(`warning: --from ${from.name} has no ${replayFile}: nothing is replayed`);
  // Of this very data the run has all.
  const earlier = (read?.buffer ?? []).filter(({ dataset }) => dataset !== train.digest);
  checkPairs(train.examples[0], earlier);
  if (earlier.length > 0) log(`replayed: ${earlier.length} examples of earlier data`);
  const own = chooseReplay(train.examples, replay, seed);
  return {
    train: { ...train, examples: [...train.examples, ...earlier.map(({ example }) => example)] },
    kept: [...earlier, ...own.map(example => ({ dataset: train.digest, example }))],
    digests: read ? { replay: read.digest } : {},
  };
}

function checkPairs(first: Example | undefined, earlier: readonly Remembered[]): void {
  const isPair = (example: Example) => 'pair' in example;
  const odd = earlier.find(({ example }) => first && isPair(example) !== isPair(first));
  if (odd && first)
    throw new VeneerError(
      'invalid_data',
      `${odd.example.where}: ${isPair(first) ? 'one text' : 'two texts'} an example, but ${first.where} has ${isPair(first) ? 'two' : 'one'}`,
    );
}

export interface Memory {
  penalties: Penalty[];
  /** Digest of the Fisher that was read. */
  digests: { fisher?: string };
  /** Files of this run's own, with the Fishers of before added up. */
  files(
    values: Float32Array,
    fisher: Omit<FisherArguments, 'values' | 'layout'>,
  ): Promise<[string, Uint8Array][]>;
  /** Files that an earlier run may have left and this one does not write. */
  obsolete: string[];
}

interface FisherArguments {
  engine: Engine;
  /** Without dropout and R-Drop. */
  step(): Pick<Step, 'outputs'>;
  weights: WeightsFile;
  config: EncoderConfig;
  head: HeadSpec;
  rows: readonly TrainingRow[];
  layout: Layout;
  values: Float32Array;
  onProgress(done: number, total: number): void;
}

interface MemoryArguments {
  options: TrainOptions;
  layout: Layout;
  kept: Remembered[] | undefined;
  /** Where the run began. */
  start: Float32Array;
}

export async function openMemory({ options, layout, kept, start }: MemoryArguments): Promise<Memory> {
  const { ewc, orthogonal, from } = options;
  const before = ewc !== undefined && from ? await fisherBefore(from, layout, ewc) : undefined;
  const penalties: Penalty[] = [];
  if (before && ewc)
    penalties.push(ewcPenalty({ anchor: start.slice(), fisher: before.fisher, lambda: ewc }));
  if (orthogonal !== undefined && from)
    penalties.push(
      orthogonalPenalty({
        pairs: grownPairs(layout, from.tensors),
        start: start.slice(),
        inherited: inheritedMask(layout, from),
        lambda: orthogonal,
      }),
    );
  return {
    penalties,
    digests: before ? { fisher: before.digest } : {},
    async files(values, args) {
      const files: [string, Uint8Array][] = kept ? [[replayFile, writeReplay(kept)]] : [];
      if (ewc === undefined) return files;
      const { engine, step, weights } = args;
      const program = await engine.compile({ outputs: step().outputs, weights });
      try {
        const fisher = await measureFisher({ ...args, program, layout, values });
        before?.fisher.forEach((value, i) => {
          fisher[i]! += value;
        });
        return [...files, [fisherFile, writeFisher(layout, fisher)]];
      } finally {
        await program.close();
      }
    },
    obsolete: [...(kept ? [] : [replayFile]), ...(ewc === undefined ? [fisherFile] : [])],
  };
}

/** With --ewc 0 a run that has none may be gone on from. */
async function fisherBefore({ name, directory }: Trained, layout: Layout, ewc: number) {
  if (directory !== undefined) {
    if (ewc > 0) return readFisher(directory, layout);
    return readFisher(directory, layout).catch(error => {
      if (error instanceof VeneerError && error.code === 'not_found') return undefined;
      throw error;
    });
  }
  if (ewc === 0) return undefined;
  throw new VeneerError(
    'usage',
    `--ewc: ${name} in the store has no ${fisherFile}: go on from a directory of train`,
  );
}
