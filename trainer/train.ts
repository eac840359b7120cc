/**
 * One training run from files to a finished adapter directory: reads data, builds the step, fits, quantizes, scores what
 * will be served. The directory is complete once manifest.json is in it; until then only checkpoint.safetensors changes.
 */
import { join } from 'node:path';
import { writeAdapter } from '../functions/artifacts/adapter.ts';
import { baseFile } from '../functions/artifacts/bases.ts';
import { canonicalJson } from '../functions/artifacts/digest.ts';
import type { Metrics, Problem } from '../functions/artifacts/manifests.ts';
import { familyNames } from '../functions/artifacts/modules.ts';
import type { TaskName } from '../functions/artifacts/names.ts';
import { type Base, openBase } from '../functions/base.ts';
import { VeneerError } from '../functions/error.ts';
import type { Store } from '../functions/store/store.ts';
import { makeDirectory, removeFile, replaceFile } from './adapter-directory.ts';
import type { TrainingRow } from './batches.ts';
import { classWeightsOf, startBias } from './class-weights.ts';
import type { Dataset } from './data/dataset.ts';
import type { Inspection } from './data/inspect.ts';
import { draftManifest } from './draft-manifest.ts';
import { encodeExample } from './encode.ts';
import type { Engine, WeightsFile } from './engines/engine.ts';
import { type FitResult, fit, type StepReport } from './fit.ts';
import { type HeadSpec, lossName, type Pooler } from './heads.ts';
import { describeMethod } from './methods/methods.ts';
import { floatTensors, openOutcome } from './outcome.ts';
import { checkStart, labelsAfter, startValues } from './start.ts';
import { buildStep } from './step.ts';
import { trainingTasks } from './tasks/tasks.ts';
import type { AnyTrainingTask } from './tasks/training-task.ts';
import type { TrainOptions } from './train-options.ts';
import { readTrainingData } from './training-data.ts';
import { readWeight, readWeightsFile } from './weights.ts';
import { windowOptions } from './window-options.ts';

export interface TrainObserver {
  log(line: string): void;
  onStep(report: StepReport): void;
  onEvaluate(done: number, total: number): void;
  /** Scores of the float32 adapter after so many steps. */
  onMetrics?(step: number, metrics: Metrics): void;
}

export interface TrainResult {
  out: string;
  task: TaskName;
  /** Of the split that was evaluated, as served where it can be; empty where there was none. */
  metrics: Metrics;
  steps: number;
  seconds: number;
  stepMsMedian: number;
  peakRssMb: number;
}

type Example = { where: string };

export async function train(
  store: Store,
  engine: Engine,
  options: TrainOptions,
  observer: TrainObserver,
): Promise<TrainResult> {
  const started = performance.now();
  const task = trainingTasks[options.task];
  const { data, inspection } = await readTrainingData(task, options, observer.log);
  const base = await openBase({
    store,
    name: options.base,
    cacheDir: options.cacheDir,
    workers: options.threads,
  });
  const opened: Run['opened'] = [base.engine];
  try {
    return await trainOn(base, {
      ...{ store, engine, options, observer, task },
      data,
      inspection,
      started,
      opened,
    });
  } finally {
    for (const each of opened) await each.close();
  }
}

interface Run {
  store: Store;
  engine: Engine;
  options: TrainOptions;
  observer: TrainObserver;
  task: AnyTrainingTask;
  data: Dataset<Example>;
  inspection: Inspection;
  started: number;
  /** Closed when the run is over, however it ends. */
  opened: { close(): Promise<void> }[];
}

async function trainOn(
  base: Base,
  { store, engine, options, observer, task, data, inspection, started, opened }: Run,
): Promise<TrainResult> {
  const { manifest } = base;
  const { config } = manifest;
  const { from } = options;
  const { problem = 'single-label' } = data;
  if (from) checkStart(from, { ...options, problem, base: manifest });
  const labels = labelsAfter(from, task.known(data.train).labels);
  const window = windowOptions(task, { ...options, before: from?.manifest }, manifest);
  const context = { tokenizer: base.tokenizer, labels, ...window };
  const rows = data.train.examples.flatMap((example): TrainingRow[] => {
    const encoded = encodeExample(task, example, context);
    const targets = task.targets(example, encoded, context);
    return encoded.windows.map((row, i) => ({ window: row, targets: targets[i]! }));
  });
  const scored = data.dev ?? data.test;
  for (const example of scored?.examples ?? []) encodeExample(task, example, context);
  observer.log(`${data.train.examples.length} examples in ${rows.length} windows, ${labels.length} labels`);

  const head = headSpec({ task, options, labels, problem, rows, pooling: manifest.pooling });
  const weights = await readWeightsFile(
    await baseFile(store, manifest.name, manifest.trainingWeights, options.cacheDir),
  );
  const isScratch = 'fromScratch' in options.method && options.method.fromScratch;
  const pooler = isScratch ? undefined : await poolerOf(config.family, weights);
  const step = buildStep({ config, method: options.method, head, ...(pooler ? { pooler } : {}) });
  const initial = await startValues({ layout: step.layout, seed: options.seed, weights, from });
  observer.log(
    `${step.layout.size} trainable parameters (${head.head.kind} head, ${describeMethod(options.method)})`,
  );

  const draft = draftManifest({ manifest, options, task, data, labels, head, window, engine: engine.name });
  const outcome = await openOutcome({
    ...{ base, task, head, draft, engine, weights },
    layout: step.layout,
    method: options.method,
    quantization: options.quantization,
    dev: data.dev?.examples,
    onProgress: observer.onEvaluate,
  });
  opened.push(outcome);

  await makeDirectory(options.out);
  const checkpoint = join(options.out, 'checkpoint.safetensors');
  const program = await engine.compile({ outputs: step.outputs, weights });
  const stepMs: number[] = [];
  let result: FitResult;
  try {
    result = await fit({
      program,
      layout: step.layout,
      initial,
      config,
      head,
      rows,
      options,
      onStep: stepReport => {
        stepMs.push(stepReport.milliseconds);
        observer.onStep(stepReport);
      },
      ...(data.dev
        ? {
            evaluate: async values => {
              checkFinite(values, options);
              const metrics = await outcome.score(values, data.dev!.examples);
              observer.log(describe('dev', metrics));
              observer.onMetrics?.(stepMs.length, metrics);
              return { metrics, main: metrics[task.mainMetric(problem)]! };
            },
          }
        : {}),
      onBest: async values => {
        checkFinite(values, options);
        await replaceFile(checkpoint, writeAdapter(floatTensors(step.layout, values), 'float32'));
      },
    });
  } finally {
    await program.close();
  }

  const trained = result.metrics ?? (scored ? await outcome.score(result.values, scored.examples) : {});
  if (scored && !result.metrics) observer.onMetrics?.(result.steps, trained);
  const served = scored ? ((await outcome.scoreServed?.(result.values, scored.examples)) ?? {}) : {};
  if (scored && outcome.scoreServed)
    observer.log(
      describe(`${scored === data.dev ? 'dev' : 'test'} as served (${options.quantization})`, served),
    );
  await replaceFile(join(options.out, 'data.json'), canonicalJson(inspection));
  await replaceFile(join(options.out, 'history.json'), canonicalJson(result.history));
  for (const name of outcome.obsolete) await removeFile(join(options.out, name));
  for (const [name, bytes] of outcome.files(result.values, { trained, served }))
    await replaceFile(join(options.out, name), bytes);
  return {
    out: options.out,
    task: options.task,
    metrics: outcome.scoreServed ? served : trained,
    steps: result.steps,
    seconds: (performance.now() - started) / 1000,
    stepMsMedian: median(stepMs),
    peakRssMb: process.resourceUsage().maxRSS / 1024,
  };
}

interface HeadArguments {
  task: AnyTrainingTask;
  options: TrainOptions;
  labels: string[];
  problem: Problem;
  rows: readonly TrainingRow[];
  pooling: 'mean' | 'cls';
}

/** @throws VeneerError `usage` where weights or smoothing do not go with what is learned. */
function headSpec({ task, options, labels, problem, rows, pooling }: HeadArguments): HeadSpec {
  const { classWeights, labelSmoothing } = options;
  const loss = lossName({ task: options.task, problem });
  if (labelSmoothing > 0 && (loss === 'regression' || loss === 'question-answering'))
    throw new VeneerError('usage', `--label-smoothing ${labelSmoothing}: ${loss} has no classes`);
  const weights = classWeights && classWeightsOf(classWeights, { loss, labels, rows });
  const bias = startBias({ loss, labels, rows }, weights);
  return {
    task: options.task,
    head: options.from?.manifest.head ?? task.head(pooling),
    labels: labels.length,
    problem,
    weighting: { labelSmoothing, ...(weights ? { classWeights: weights } : {}) },
    ...(bias ? { bias } : {}),
  };
}

/** The step's own check of the loss cannot see what the last step of an epoch did to the parameters. */
function checkFinite(values: Float32Array, { learningRate }: TrainOptions): void {
  if (!values.every(Number.isFinite))
    throw new VeneerError(
      'training_failed',
      `a parameter is no longer a finite number: lower --learning-rate (${learningRate})`,
    );
}

/** The base's pooler, where its checkpoint has one. */
async function poolerOf(family: string, weights: WeightsFile): Promise<Pooler | undefined> {
  const { pooler } = familyNames(family);
  const [weight, bias] = [
    await readWeight(weights, `${pooler}.weight`),
    await readWeight(weights, `${pooler}.bias`),
  ];
  return weight && bias ? { weight, bias } : undefined;
}

function describe(what: string, metrics: Metrics): string {
  return `${what}: ${Object.entries(metrics)
    .map(([name, value]) => `${name} ${value.toFixed(4)}`)
    .join(', ')}`;
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[sorted.length >> 1] ?? 0;
}
