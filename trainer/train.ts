/**
 * One training run from files to a finished adapter directory: reads data, builds the step, fits, quantizes, scores what
 * will be served. The directory is complete once manifest.json is in it; until then only the
 * checkpoint and steps.jsonl change.
 */
import { join } from 'node:path';
import { canonicalJson } from '../functions/artifacts/digest.ts';
import type { Metrics } from '../functions/artifacts/manifests.ts';
import type { TaskName } from '../functions/artifacts/names.ts';
import { type Base, openBase } from '../functions/base.ts';
import { checkServed } from '../functions/engine/variants.ts';
import type { Store } from '../functions/store/store.ts';
import { makeDirectory, removeFile, replaceFile } from './adapter-directory.ts';
import { fitInMemory } from './auto-batch.ts';
import { checkAgreement } from './base/agreement.ts';
import { openFrozenBase, roundsBase } from './base/frozen-base.ts';
import { microBatchesOf, type TrainingRow } from './batches.ts';
import type { RunIdentity } from './checkpoint.ts';
import { openMemory, replayOf } from './continual/memory.ts';
import { isContinual } from './continual/options.ts';
import type { Dataset } from './data/dataset.ts';
import type { Inspection } from './data/inspect.ts';
import { closeDevices, openDevices } from './devices.ts';
import { draftManifest } from './draft-manifest.ts';
import { encodeExample } from './encode.ts';
import type { Engine } from './engines/engine.ts';
import { beginFewShot } from './few-shot/begin.ts';
import { chooseFewShot } from './few-shot/choice.ts';
import type { FitArguments, StepReport } from './fit.ts';
import { freshState } from './fit-state.ts';
import { headSpec } from './head-spec.ts';
import { checkRounded, describeMethod, methodOf, settingsOf } from './methods/methods.ts';
import { openOutcome } from './outcome.ts';
import { poolerOf } from './pooler.ts';
import { removePrevious, saveCheckpoint, startState } from './resume.ts';
import { checkStart, labelsAfter, startValues } from './start.ts';
import { buildStep } from './step.ts';
import { openStepLog, stepsFile } from './step-log.ts';
import { throwIfStopped } from './stop.ts';
import { trainingTasks } from './tasks/tasks.ts';
import type { AnyTrainingTask } from './tasks/training-task.ts';
import { decidingOptions, type TrainOptions } from './train-options.ts';
import { readTrainingData } from './training-data.ts';
import { windowOptions } from './window-options.ts';

export interface TrainObserver {
  log(line: string): void;
  onStep(report: StepReport): void;
  onEvaluate(done: number, total: number): void;
  /** Stops training after the step under way, with a checkpoint. */
  signal?: AbortSignal;
  /** Scores of the float32 adapter after so many steps. */
  onMetrics?(step: number, metrics: Metrics): void;
  /** A checkpoint is written; the next step waits for this. */
  onCheckpoint?(): Promise<void>;
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

/** @param shared The base, where the caller has it open; it stays so. */
export async function train(
  store: Store,
  engine: Engine,
  options: TrainOptions,
  observer: TrainObserver,
  shared?: Base,
): Promise<TrainResult> {
  const started = performance.now();
  const task = trainingTasks[options.task];
  const { data, inspection } = await readTrainingData(task, options, observer.log);
  const { base: name, cacheDir, threads } = options;
  const base = shared ?? (await openBase({ store, name, cacheDir, workers: threads }));
  const opened: Run['opened'] = shared ? [] : [base.engine];
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
  untouched: Base,
  { store, engine, options, observer, task, data: given, inspection, started, opened }: Run,
): Promise<TrainResult> {
  const { manifest } = untouched;
  const { config } = manifest;
  const { from } = options;
  const { problem = 'single-label' } = given;
  const grows = options.orthogonal !== undefined;
  if (from) checkStart(from, { ...options, problem, base: manifest, grows });
  const replay = await replayOf(options, given.train, observer.log);
  const few = chooseFewShot({
    ...{ options, problem, train: replay.train, tokenizer: untouched.tokenizer },
    counts: inspection.splits.train!.labels,
  });
  if (few) observer.log(few.note);
  const base = few ? { ...untouched, tokenizer: few.tokenizer } : untouched;
  const data = { ...given, train: few?.train ?? replay.train };
  const labels = labelsAfter(from, task.known(data.train).labels, isContinual(options));
  const virtual = settingsOf(options.method);
  const window = windowOptions(task, { ...options, before: from?.manifest, virtual }, manifest);
  const context = { tokenizer: base.tokenizer, labels, ...window };
  const rows = data.train.examples.flatMap((example): TrainingRow[] => {
    const encoded = encodeExample(task, example, context);
    const targets = task.targets(example, encoded, context);
    return encoded.windows.map((row, i) => ({ window: row, targets: targets[i]!, virtual }));
  });
  const scored = data.dev ?? data.test;
  for (const example of scored?.examples ?? []) encodeExample(task, example, context);
  observer.log(`${data.train.examples.length} examples in ${rows.length} windows, ${labels.length} labels`);

  const { pooling } = manifest;
  const head = headSpec({ task, options, labels, problem, rows, pooling, few });
  const { method, dropout, rDrop, precision, cacheDir } = options;
  if (methodOf(method).unserved === null)
    checkServed({ ...options, ...settingsOf(method), head: head.head }, manifest);
  const exact = await openFrozenBase({ store, manifest, precision: 'fp32', cacheDir });
  const { weights } = exact;
  const rounds = roundsBase(precision);
  if (rounds) checkRounded(method, precision);
  const frozen = rounds ? await openFrozenBase({ store, manifest, precision, cacheDir }) : exact;
  const isScratch = 'fromScratch' in method && method.fromScratch;
  const pooler = isScratch ? undefined : await poolerOf(config.family, weights);
  const plain = { config, method, head, frozen: frozen.seams, ...(pooler ? { pooler } : {}) };
  const step = buildStep({ ...plain, dropout, rDrop });
  if (rounds) {
    const agreement = await checkAgreement({
      engine,
      base: manifest,
      precision,
      rounded: frozen,
      exact,
      rows,
    });
    observer.log(`${precision} base: cosine to float32 ${agreement.toFixed(4)} on the first texts`);
  }
  observer.log(
    `${step.layout.size} trainable parameters (${head.head.kind} head, ${describeMethod(method)})`,
  );

  const draft = draftManifest({
    ...{ manifest, options, task, data, labels, head, window, fewShot: few?.plan },
    engine: engine.name,
  });
  const outcome = await openOutcome({
    ...{ base, task, head, draft, engine, weights },
    layout: step.layout,
    method,
    quantization: options.quantization,
    dev: data.dev?.examples,
    onProgress: observer.onEvaluate,
  });
  opened.push(outcome);

  await makeDirectory(options.out);
  const fitOptions = { ...options, microBatches: microBatchesOf(options, options.devices) };
  const start = await startValues({ layout: step.layout, seed: options.seed, weights, from });
  const memory = await openMemory({ options, layout: step.layout, kept: replay.kept, start });
  const run: RunIdentity = {
    datasets: {
      ...{ train: data.train.digest, ...(data.dev ? { dev: data.dev.digest } : {}) },
      ...{ ...replay.digests, ...memory.digests },
    },
    options: {
      ...decidingOptions(options),
      ...{ microBatches: fitOptions.microBatches, base: draft.base, engine: engine.name },
    },
  };
  const { signal } = observer;
  const saved = await startState({ ...options, layout: step.layout, run, log: observer.log });
  if (few && !saved)
    await beginFewShot({
      ...{ plan: few.plan, engine, config, method, frozen: frozen.seams, weights: frozen.weights },
      ...{ rows, labels: labels.length, layout: step.layout, values: start, options, signal },
      log: observer.log,
    });
  const state = saved ?? freshState(start);
  const stepLog = await openStepLog(join(options.out, stepsFile), state.optimizer.steps);
  const programs = await openDevices({
    engine,
    source: { outputs: step.outputs, weights: frozen.weights },
    count: options.devices,
    log: observer.log,
  });
  const stepMs: number[] = [];
  try {
    const fitArguments: FitArguments = {
      ...{ programs, step, state, config, head, rows, options: fitOptions, signal },
      penalties: memory.penalties,
      onStep: stepReport => {
        const { steps: _total, ...record } = stepReport;
        stepMs.push(record.milliseconds);
        stepLog.add({ kind: 'step', ...record });
        observer.onStep(stepReport);
      },
      ...(data.dev
        ? {
            evaluate: async (values, at) => {
              const metrics = await outcome.score(values, data.dev!.examples);
              observer.log(describe('dev', metrics));
              stepLog.add({ kind: 'evaluation', ...at, metrics });
              observer.onMetrics?.(at.step, metrics);
              return { metrics, main: metrics[task.mainMetric(problem)]! };
            },
          }
        : {}),
      save: async saved => {
        await saveCheckpoint(options.out, step.layout, { state: saved, run });
        await observer.onCheckpoint?.();
      },
    };
    await fitInMemory(fitArguments, { autoBatch: options.autoBatch, log: observer.log });
  } finally {
    stepLog.close();
    await closeDevices(programs);
  }
  throwIfStopped(signal, state);

  const { values, metrics } = state.best ?? { values: state.values, metrics: undefined };
  const trained = metrics ?? (scored ? await outcome.score(values, scored.examples) : {});
  if (scored && !metrics) observer.onMetrics?.(state.optimizer.steps, trained);
  const served = scored ? ((await outcome.scoreServed?.(values, scored.examples)) ?? {}) : {};
  throwIfStopped(signal, state);
  if (scored && outcome.scoreServed)
    observer.log(
      describe(`${scored === data.dev ? 'dev' : 'test'} as served (${options.quantization})`, served),
    );
  await replaceFile(join(options.out, 'data.json'), canonicalJson(inspection));
  for (const [name, bytes] of await memory.files(values, {
    ...{ engine, config, head, rows, weights: frozen.weights, onProgress: observer.onEvaluate },
    step: () => buildStep(plain),
  }))
    await replaceFile(join(options.out, name), bytes);
  for (const name of [...outcome.obsolete, ...memory.obsolete]) await removeFile(join(options.out, name));
  for (const [name, bytes] of outcome.files(values, { trained, served }))
    await replaceFile(join(options.out, name), bytes);
  await removePrevious(options.out);
  return {
    out: options.out,
    task: options.task,
    metrics: outcome.scoreServed ? served : trained,
    steps: state.optimizer.steps,
    seconds: (performance.now() - started) / 1000,
    stepMsMedian: median(stepMs),
    peakRssMb: process.resourceUsage().maxRSS / 1024,
  };
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
