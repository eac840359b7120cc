/**
 * The engine over any runners: rows queue, and whichever runner is idle takes the next batch at once. A runner that died is
 * replaced and its batch tried once more.
 */
import type { BaseManifest } from '../artifacts/manifests.ts';
import { VeneerError } from '../error.ts';
import { assemble } from './batch.ts';
import { saturates } from './cpu.ts';
import type { Engine, Row } from './engine.ts';
import { type BatchLimits, FairQueue, type Waiting } from './queue.ts';
import type { Logits, Runner } from './runner.ts';
import { headKind, smallestSet, type Variant, variantName } from './variants.ts';

export interface BatchingOptions {
  base: BaseManifest;
  /** Makes a runner, at start and in place of one that died. */
  startRunner(): Runner;
  runners: number;
  limits: BatchLimits;
  /** Rows that may wait; more are refused. */
  maxWaitingRows: number;
}

interface Job {
  results: Float32Array[];
  left: number;
  resolve(results: Float32Array[]): void;
  reject(error: unknown): void;
}

interface Entry extends Waiting {
  row: Row;
  job: Job;
  index: number;
  tries: number;
}

/** Runs of one batch before it is given up. */
const maxTries = 2;
/** Seconds after which a refused request may try again. */
const retryAfterSeconds = 1;

export function batchingEngine({
  base,
  startRunner,
  runners,
  limits,
  maxWaitingRows,
}: BatchingOptions): Engine {
  const narrow = base.precision === 'int8' && saturates();
  const queue = new FairQueue<Entry>();
  const idle = Array.from({ length: runners }, startRunner);
  const all = new Set(idle);
  let closed = false;

  const fail = (entries: readonly Entry[], error: unknown) => {
    const jobs = new Set(entries.map(entry => entry.job));
    queue.remove(entry => jobs.has(entry.job));
    for (const job of jobs) job.reject(error);
  };

  const dispatch = () => {
    while (!closed && idle.length > 0 && queue.size > 0) void runBatch(idle.pop()!, queue.take(limits));
  };

  const runBatch = async (runner: Runner, entries: Entry[]) => {
    try {
      const variant = variantOf(entries, narrow);
      const feeds = assemble(
        entries.map(entry => entry.row),
        variant,
        base.config,
      );
      deliver(entries, await runner.run(variantName(variant), feeds), variant);
    } catch (error) {
      if (error instanceof VeneerError) fail(entries, error);
      else if (entries.every(entry => ++entry.tries < maxTries))
        for (const entry of entries) queue.push(entry);
      else
        fail(entries, new VeneerError('unavailable', 'the engine failed to run a batch', { cause: error }));
    }
    if (runner.alive || closed) idle.push(runner);
    else {
      all.delete(runner);
      void runner.close();
      const next = startRunner();
      all.add(next);
      idle.push(next);
    }
    dispatch();
  };

  return {
    base,
    run(rows, { tenant = '', signal } = {}) {
      if (rows.length === 0) return Promise.resolve([]);
      if (signal?.aborted) return Promise.reject(signal.reason);
      if (queue.size > 0 && queue.size + rows.length > maxWaitingRows)
        return Promise.reject(
          new VeneerError('rate_limited', `${queue.size} windows are waiting already: try again later`, {
            retryAfterSeconds,
          }),
        );
      return new Promise((resolve, reject) => {
        const cancel = () =>
          fail(
            queue.remove(entry => entry.job === job),
            signal!.reason,
          );
        const job: Job = {
          results: new Array(rows.length),
          left: rows.length,
          resolve: results => {
            signal?.removeEventListener('abort', cancel);
            resolve(results);
          },
          reject: error => {
            signal?.removeEventListener('abort', cancel);
            reject(error);
          },
        };
        signal?.addEventListener('abort', cancel);
        rows.forEach((row, index) => {
          const head = headKind(row.adapter.manifest.head);
          queue.push({ row, job, index, tries: 0, tenant, head, length: row.window.ids.length });
        });
        dispatch();
      });
    },
    async close() {
      closed = true;
      fail(
        queue.remove(() => true),
        new VeneerError('unavailable', 'the engine is closing'),
      );
      await Promise.all([...all].map(runner => runner.close()));
    },
  };
}

/** The graph that covers every row of a batch. */
function variantOf(entries: readonly Entry[], narrow: boolean): Variant {
  const manifests = entries.map(entry => entry.row.adapter.manifest);
  return {
    head: entries[0]!.head,
    modules: smallestSet(manifests.flatMap(manifest => manifest.lora.targetModules)),
    form: manifests.every(manifest => manifest.quantization === 'int8') ? 'int8' : 'float32',
    narrow,
  };
}

/** Cuts the batch's logits into rows and settles the jobs that are complete. */
function deliver(entries: readonly Entry[], { data, shape }: Logits, { head }: Variant): void {
  const [, places, width] = shape as [number, number, number];
  entries.forEach(({ row: { window, adapter }, job, index }, row) => {
    const labels = adapter.manifest.labels.length;
    const count = head === 'token' ? window.ids.length : 1;
    const logits = new Float32Array(count * labels);
    for (let i = 0; i < count; i++) {
      const from = (row * places + i) * width;
      logits.set(data.subarray(from, from + labels), i * labels);
    }
    job.results[index] = logits;
    if (--job.left === 0) job.resolve(job.results);
  });
}
