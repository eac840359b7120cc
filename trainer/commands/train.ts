/** `train`: fine-tunes one adapter and leaves it in a directory. */
import type { Command } from 'commander';
import { Option } from 'commander';
import { type AdapterManifest, problems } from '../../functions/artifacts/manifests.ts';
import { type TaskName, tasks } from '../../functions/artifacts/names.ts';
import type { Store } from '../../functions/store/store.ts';
import type { Ratios } from '../data/holdout.ts';
import { onnxEngine } from '../engines/onnx.ts';
import { methodNames, methodOf, methods, specOf } from '../methods/methods.ts';
import { type TrainResult, train } from '../train.ts';
import type { TrainOptions } from '../train-options.ts';
import { openScalarLog } from '../visualize/tensorboard.ts';
import {
  cacheDir,
  defaultThreads,
  openSharedStore,
  outputOf,
  real,
  type SharedOptions,
  shared,
  whole,
} from './command.ts';
import { columnOptions, type DataFlags, dataFlags, parseClassWeights, parseSplit } from './data-flags.ts';
import { type MethodOptions, methodOptions, resolveMethod } from './method-options.ts';
import { progressOf } from './progress.ts';

interface Flags extends SharedOptions, MethodOptions, DataFlags {
  task: TaskName;
  data: string;
  evalData?: string;
  base: string;
  out: string;
  epochs: number;
  batchSize: number;
  accumulate: number;
  learningRate?: number;
  warmup: number;
  weightDecay: number;
  maxGradNorm: number;
  patience: number;
  maxLength?: number;
  stride?: number;
  quantization: AdapterManifest['quantization'];
  seed: number;
  threads: number;
  split?: Ratios;
  classWeights?: string;
  labelSmoothing: number;
  logDir?: string;
}

/** Trains with progress shown, and curves in `logDir`; used by the command and by quickstart. */
export async function trainWithProgress(
  store: Store,
  { logDir, ...options }: TrainOptions & { logDir?: string },
  log: (line: string) => void,
): Promise<TrainResult> {
  const progress = progressOf(log);
  const scalars = logDir === undefined ? undefined : openScalarLog(logDir, progress.log);
  let rate = 0;
  try {
    return await train(store, onnxEngine({ threads: options.threads }), options, {
      log: progress.log,
      onStep: ({ step, steps, epoch, loss, learningRate, gradientNorm, tokens, milliseconds }) => {
        const now = (1000 * tokens) / milliseconds;
        rate = rate === 0 ? now : 0.9 * rate + 0.1 * now;
        progress.update(step, steps, `epoch ${epoch} loss ${loss.toFixed(4)} ${Math.round(rate)} tokens/s`);
        scalars?.add(step, {
          loss,
          learning_rate: learningRate,
          gradient_norm: gradientNorm,
          tokens_per_second: now,
        });
      },
      onEvaluate: (done, total) => progress.update(done, total, 'evaluating'),
      onMetrics: (step, metrics) =>
        scalars?.add(
          step,
          Object.fromEntries(Object.entries(metrics).map(([name, value]) => [`eval/${name}`, value])),
        ),
    });
  } finally {
    scalars?.close();
    progress.stop();
  }
}

export const trainDefaults = {
  epochs: 3,
  batchSize: 16,
  accumulate: 1,
  learningRate: 1e-3,
  warmup: 0.06,
  weightDecay: 0.01,
  maxGradientNorm: 1,
  patience: 0,
  labelSmoothing: 0,
  seed: 1,
  method: specOf('lora', {}),
  quantization: 'int8',
  threads: defaultThreads,
  columns: {},
  cacheDir,
} as const;

export function trainCommand(program: Command): void {
  const d = trainDefaults;
  dataFlags(methodOptions(shared(program.command('train'))))
    .description('fine-tune an adapter on a frozen base, or the base itself')
    .addOption(new Option('--task <task>', 'what the adapter learns').choices(tasks).makeOptionMandatory())
    .requiredOption(
      '--data <path>',
      'file, or directory with train and optional dev and test files; on disk or s3://bucket/key',
    )
    .requiredOption('--base <name>', 'base in the store (see pull-base)')
    .requiredOption('--out <directory>', 'where the adapter goes')
    .option('--eval-data <path>', 'dev file, instead of the directory’s own')
    .option('--epochs <n>', 'passes over the data', whole(1, 10_000), d.epochs)
    .option('--batch-size <n>', 'windows of one forward pass', whole(1, 4096), d.batchSize)
    .option('--accumulate <n>', 'batches of one optimizer step', whole(1, 4096), d.accumulate)
    .option(
      '--learning-rate <x>',
      `peak rate (default ${methodNames.map(name => `${methods[name].learningRate} for ${name}`).join(', ')})`,
      real(0, 10, true),
    )
    .option('--warmup <x>', 'fraction of steps over which the rate rises', real(0, 1), d.warmup)
    .option('--weight-decay <x>', 'AdamW weight decay of matrices', real(0, 1), d.weightDecay)
    .option('--max-grad-norm <x>', 'gradient clipping by global norm', real(0, 1e6, true), d.maxGradientNorm)
    .option(
      '--patience <n>',
      'stop after so many epochs without a better dev metric; 0 never',
      whole(0, 10_000),
      d.patience,
    )
    .option('--max-length <n>', 'tokens of one window (default 128, question answering 256)', whole(8, 8192))
    .option(
      '--stride <n>',
      'tokens that neighbouring windows share (default 32, question answering 64)',
      whole(0, 4096),
    )
    .addOption(
      new Option('--quantization <q>', 'how the adapter is stored')
        .choices(['int8', 'float16', 'float32'])
        .default(d.quantization),
    )
    .option('--seed <n>', 'seed of everything random', whole(0, 2 ** 32 - 1), d.seed)
    .option('--threads <n>', 'threads of one step', whole(1, 256), d.threads)
    .option('--log-dir <directory>', 'write TensorBoard events there')
    .option(
      '--split <ratios>',
      'hold out so much of train for dev, or for dev and test (0.1,0.1)',
      parseSplit,
    )
    .addOption(
      new Option(
        '--problem <problem>',
        'what classification learns (default multi-label where a cell has several labels, else single-label)',
      ).choices(problems),
    )
    .option(
      '--class-weights <weights>',
      'balanced, or spam=3,ham=0.5, or a JSON file {"spam": 3, "ham": 0.5}; unnamed labels weigh 1',
    )
    .option(
      '--label-smoothing <x>',
      'share of a target that is spread over all classes',
      real(0, 0.9),
      d.labelSmoothing,
    )
    .action(async (flags: Flags) => {
      const output = outputOf(flags);
      const store = await openSharedStore(flags);
      const { maxGradNorm, classWeights, ...rest } = flags;
      const { method, from } = await resolveMethod(store, flags, output.log);
      const options: TrainOptions & { logDir?: string } = {
        ...rest,
        maxGradientNorm: maxGradNorm,
        learningRate: flags.learningRate ?? methodOf(method).learningRate,
        method,
        from,
        columns: await columnOptions(flags),
        ...(classWeights === undefined ? {} : { classWeights: await parseClassWeights(classWeights) }),
        cacheDir,
      };
      const result = await trainWithProgress(store, options, output.log);
      output.result(result, `${result.out}: ${result.steps} steps in ${result.seconds.toFixed(1)} s`);
    });
}
