/** `train`: fine-tunes one adapter and leaves it in a directory. */
import { type Command, Option } from 'commander';
import type { AdapterManifest } from '../../functions/artifacts/manifests.ts';
import { tasks } from '../../functions/artifacts/names.ts';
import type { Store } from '../../functions/store/store.ts';
import { type TrainingPrecision, trainingPrecisions } from '../base/frozen-base.ts';
import type { ContinualOptions } from '../continual/options.ts';
import type { Ratios } from '../data/holdout.ts';
import {
  chooseEngine,
  type EngineName,
  engineNames,
  productPrecisions,
  thisMachine,
} from '../engine-choice.ts';
import type { Engine } from '../engines/engine.ts';
import { methodNames, methodOf, methods, specOf } from '../methods/methods.ts';
import { type ScheduleName, scheduleNames } from '../schedule.ts';
import { openWorkplace } from '../stored-run.ts';
import { type TrainResult, train } from '../train.ts';
import type { TrainOptions } from '../train-options.ts';
import { openScalarLog } from '../visualize/tensorboard.ts';
import { type AugmentFlags, augmentFlags, resolveAugment } from './augment-options.ts';
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
import { continualMethod, continualOptions } from './continual-options.ts';
import { columnOptions, type DataFlags, dataFlags, parseSplit } from './data-flags.ts';
import { checkRDrop, type DropoutFlags, dropoutFlags } from './dropout-options.ts';
import { type FewShotFlags, fewShotFlags, fewShotRate, resolveFewShot } from './few-shot-options.ts';
import { interruptible } from './interrupt.ts';
import { type MethodOptions, methodOptions, resolveMethod } from './method-options.ts';
import { progressOf } from './progress.ts';
import { parseClassWeights, type TargetFlags, targetFlags } from './target-options.ts';

export interface TrainFlags
  extends SharedOptions,
    MethodOptions,
    DataFlags,
    AugmentFlags,
    FewShotFlags,
    DropoutFlags,
    TargetFlags,
    ContinualOptions {
  data: string;
  evalData?: string;
  base: string;
  out: string;
  epochs: number;
  batchSize: number;
  accumulate: number;
  learningRate?: number;
  headLearningRate?: number;
  schedule: ScheduleName;
  warmup: number;
  weightDecay: number;
  maxGradNorm: number;
  evalSteps?: number;
  saveSteps?: number;
  patience: number;
  devices: number;
  engine?: EngineName;
  device?: 'cpu' | 'cuda';
  autoBatch: boolean;
  resume: boolean;
  maxLength?: number;
  stride?: number;
  precision: TrainingPrecision;
  quantization: AdapterManifest['quantization'];
  seed: number;
  threads: number;
  split?: Ratios;
  logDir?: string;
}

interface ShownOptions extends Partial<Pick<TrainFlags, 'logDir' | 'engine' | 'device'>> {
  onCheckpoint?(): Promise<void>;
}

/** Trains with progress shown, and curves in `logDir`; used by the command and by quickstart. */
export async function trainWithProgress(
  store: Store,
  { logDir, engine: name, device, onCheckpoint, ...options }: TrainOptions & ShownOptions,
  log: (line: string) => void,
): Promise<TrainResult> {
  const progress = progressOf(log);
  const { signal, release } = interruptible(name =>
    progress.log(`${name}: finishing the step and writing a checkpoint; again to stop at once`),
  );
  const scalars = logDir === undefined ? undefined : openScalarLog(logDir, progress.log);
  let rate = 0;
  try {
    const engine = await engineOf({ ...options, engine: name, device }, progress.log);
    return await train(store, engine, options, {
      ...{ log: progress.log, signal, onCheckpoint },
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
    release();
    scalars?.close();
    progress.stop();
  }
}

/** The engine that the flags name, or that fits this machine. */
export function engineOf(options: TrainOptions & ShownOptions, log: (line: string) => void): Promise<Engine> {
  return chooseEngine(options, thisMachine(options.cacheDir), log);
}

export const trainDefaults = {
  epochs: 3,
  batchSize: 16,
  accumulate: 1,
  learningRate: 1e-3,
  schedule: 'linear',
  warmup: 0.06,
  weightDecay: 0.01,
  maxGradientNorm: 1,
  patience: 0,
  dropout: { hidden: 0, attention: 0 },
  rDrop: 0,
  devices: 1,
  autoBatch: false,
  resume: false,
  labelSmoothing: 0,
  seed: 1,
  method: specOf('lora', {}),
  precision: 'fp32',
  quantization: 'int8',
  threads: defaultThreads,
  columns: {},
  cacheDir,
} as const;

/** Every option of `train`. */
export function trainFlags(command: Command): Command {
  const d = trainDefaults;
  const base = targetFlags(dropoutFlags(continualOptions(methodOptions(shared(command)))));
  return fewShotFlags(augmentFlags(dataFlags(base)))
    .addOption(new Option('--task <task>', 'what the adapter learns').choices(tasks).makeOptionMandatory())
    .requiredOption(
      '--data <path>',
      'file, or directory with train and optional dev and test files; on disk or s3://bucket/key',
    )
    .requiredOption('--base <name>', 'base in the store (see pull-base)')
    .requiredOption('--out <directory>', 'where the adapter goes; on disk or s3://bucket/prefix')
    .option('--eval-data <path>', 'dev file, instead of the directory’s own')
    .option('--epochs <n>', 'passes over the data', whole(1, 10_000), d.epochs)
    .option('--batch-size <n>', 'windows of one forward pass', whole(1, 4096), d.batchSize)
    .option('--accumulate <n>', 'batches of one optimizer step', whole(1, 4096), d.accumulate)
    .option(
      '--learning-rate <x>',
      `peak rate (default ${methodNames.map(name => `${methods[name].learningRate} for ${name}`).join(', ')})`,
      real(0, 10, true),
    )
    .option('--head-learning-rate <x>', 'peak rate of the head (default --learning-rate)', real(0, 10, true))
    .addOption(
      new Option('--schedule <s>', 'how the rate goes on after warmup')
        .choices(scheduleNames)
        .default(d.schedule),
    )
    .option('--warmup <x>', 'fraction of steps over which the rate rises', real(0, 1), d.warmup)
    .option('--weight-decay <x>', 'AdamW weight decay of matrices', real(0, 1), d.weightDecay)
    .option('--max-grad-norm <x>', 'gradient clipping by global norm', real(0, 1e6, true), d.maxGradientNorm)
    .option(
      '--patience <n>',
      'stop after n evaluations without a better dev metric',
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
      new Option(
        '--precision <p>',
        'what the frozen base is computed with: int8 as it is served, int4 to save memory; bf16 for the products of the tfjs engine',
      )
        .choices([...trainingPrecisions, ...productPrecisions])
        .default(d.precision),
    )
    .addOption(
      new Option('--quantization <q>', 'how the adapter is stored')
        .choices(['int8', 'float16', 'float32'])
        .default(d.quantization),
    )
    .option('--seed <n>', 'seed of everything random', whole(0, 2 ** 32 - 1), d.seed)
    .option('--eval-steps <n>', 'steps between evaluations (default: an epoch)', whole(1, 1e9))
    .option('--save-steps <n>', 'steps between checkpoints (default: as evaluations)', whole(1, 1e9))
    .option('--resume', 'go on from the checkpoint in --out, where there is one', false)
    .option('--threads <n>', 'threads of one step', whole(1, 256), d.threads)
    .option('--devices <n>', 'worker processes that share the batches of a step', whole(1, 64), d.devices)
    .addOption(
      new Option(
        '--engine <engine>',
        'what computes the step (default tfjs where a CUDA device and setup-gpu’s package are there, else onnx)',
      ).choices(engineNames),
    )
    .addOption(new Option('--device <device>', 'where the onnx engine runs').choices(['cpu', 'cuda']))
    .option('--auto-batch', 'halve batches, with accumulation, that the device has no memory for', false)
    .option('--log-dir <directory>', 'write TensorBoard events there')
    .option('--split <ratios>', 'hold out of train for dev, or for dev and test (0.1,0.1)', parseSplit);
}

/** @throws VeneerError `usage` for options that do not go together. */
export async function resolveOptions(
  store: Store,
  flags: TrainFlags,
  log: (line: string) => void,
): Promise<TrainOptions & ShownOptions> {
  const { maxGradNorm, classWeights, dropout: hidden, attentionDropout: attention, ...told } = flags;
  const { augment: _augment, augmentUnit: _unit, synonyms: _synonyms, ...plain } = told;
  const { contrastiveSteps: _steps, template: _template, verbalizer: _words, ...trained } = plain;
  // What only says where things are and how they are shown is no part of a run.
  const { store: _store, json: _json, tenant: _tenant, ...rest } = trained;
  checkRDrop(flags);
  const { from, ...resolved } = await resolveMethod(store, flags, log);
  const method = continualMethod(flags, { ...resolved, from });
  return {
    ...rest,
    maxGradientNorm: maxGradNorm,
    dropout: { hidden, attention },
    learningRate: flags.learningRate ?? methodOf(method).learningRate * (flags.fewShot ? fewShotRate : 1),
    method,
    from,
    columns: await columnOptions(flags),
    augment: await resolveAugment(flags),
    fewShot: await resolveFewShot(flags),
    ...(classWeights === undefined ? {} : { classWeights: await parseClassWeights(classWeights) }),
    cacheDir,
  };
}

/** Trains as flags say, in a directory or in a store. */
export async function trainByFlags(flags: TrainFlags, log: (line: string) => void): Promise<TrainResult> {
  const store = await openSharedStore(flags);
  const { directory, keep, finish, close } = await openWorkplace(flags.out, { resume: flags.resume, log });
  try {
    const options = await resolveOptions(store, { ...flags, out: directory }, log);
    const result = await trainWithProgress(store, { ...options, onCheckpoint: keep }, log);
    await finish();
    return { ...result, out: flags.out };
  } finally {
    await close();
  }
}

export function trainCommand(program: Command): void {
  trainFlags(program.command('train'))
    .description('fine-tune an adapter on a frozen base, or the base itself')
    .action(async (flags: TrainFlags) => {
      const output = outputOf(flags);
      const result = await trainByFlags(flags, output.log);
      output.result(result, `${result.out}: ${result.steps} steps in ${result.seconds.toFixed(1)} s`);
    });
}
