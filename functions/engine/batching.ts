/**
 * The engine over any runners: rows queue, and the runner with the least to do takes the next batch at once. A runner that
 * died is replaced and its batches tried once more.
 */
import type { AdapterManifest, BaseManifest } from '../artifacts/manifests.ts';
import { VeneerError } from '../error.ts';
import { assemble } from './batch.ts';
import { reusedBuffers } from './buffers.ts';
import { saturates } from './cpu.ts';
import type { Engine, Row } from './engine.ts';
import type { BatchReport, EngineObserver } from './observer.ts';
import { type BatchLimits, FairQueue, type Waiting } from './queue.ts';
import type { Logits, Runner } from './runner.ts';
import { rowLength } from './token-feeds.ts';
import {
  headKind,
  paddedLabels,
  paddedPrefix,
  paddedRank,
  smallestSet,
  type Variant,
  variantName,
  variantOf,
} from './variants.ts';

export interface BatchingOptions {
  base: BaseManifest;
  /** Makes a runner, at start and in place of one that died. */
  startRunner(): Runner;
  runners: number;
  /** Batches that a runner may hold: one that runs and, with 2, one that is there when the first ends. */
  depth: number;
  limits: BatchLimits;
  /** Rows that may wait; more are refused. */
  maxWaitingRows: number;
  observer?: EngineObserver | undefined;
}

interface Job {
  results: Float32Array[];
  left: number;
  settled: boolean;
  /** Tells that the first of its rows runs. */
  begin?: (() => void) | undefined;
  resolve(results: Float32Array[]): void;
  reject(error: unknown): void;
}

interface Entry extends Waiting {
  row: Row;
  job: Job;
  index: number;
  tries: number;
  arrivedMs: number;
}

/** What a runner holds. */
interface Batch {
  entries: Entry[];
  /** Undefined while the runner has another before it. */
  beganMs: number | undefined;
}

/** Runs of one batch before it is given up. */
const maxTries = 2;
/** Seconds after which a refused request may try again. */
const retryAfterSeconds = 1;

export function batchingEngine({
  base,
  startRunner,
  runners,
  depth,
  limits,
  maxWaitingRows,
  observer,
}: BatchingOptions): Engine {
  const narrow = base.precision === 'int8' && saturates();
  const queue = new FairQueue<Entry>();
  const buffers = reusedBuffers();
  /** What each runner holds, in the order in which it runs. */
  const held = new Map<Runner, Batch[]>(Array.from({ length: runners }, () => [startRunner(), []]));
  /** Graphs that a runner in another's place opens as well, behind the batch that waits for it. */
  const warmed = new Set<string>();
  let closed = false;

  const fail = (jobs: Iterable<Job>, error: unknown) => {
    const failed = new Set(jobs);
    queue.remove(entry => failed.has(entry.job));
    observer?.waiting(queue.size);
    for (const job of failed) job.reject(error);
  };

  const replaceDead = () => {
    for (const [runner, batches] of held) {
      if (runner.alive || batches.length > 0) continue;
      held.delete(runner);
      runner.close().catch(() => {});
      const fresh = startRunner();
      held.set(fresh, []);
      queueMicrotask(() => {
        for (const graph of warmed) fresh.open(graph).catch(() => {});
      });
      observer?.restarted();
    }
  };

  const dispatch = () => {
    if (closed) return;
    replaceDead();
    while (queue.size > 0) {
      const [runner, batches = []] =
        [...held]
          .filter(([{ alive }, batches]) => alive && batches.length < depth)
          .sort(([, a], [, b]) => tokensOf(a) - tokensOf(b))
          .at(0) ?? [];
      if (!runner) break;
      const entries = queue.take(limits, { busy: batches.length > 0, runners });
      if (entries.length === 0) break;
      const batch: Batch = { entries, beganMs: undefined };
      if (batches.push(batch) === 1) begin(batch);
      void runBatch(runner, batch);
    }
    observer?.waiting(queue.size);
  };

  /** Its runner has nothing else before it: from here on it runs. */
  const begin = (batch: Batch) => {
    batch.beganMs = performance.now();
    for (const { job } of batch.entries) {
      job.begin?.();
      job.begin = undefined;
    }
  };

  const end = (runner: Runner, batch: Batch) => {
    if (batch.beganMs !== undefined) observer?.batch(reportOf(batch.entries, batch.beganMs));
    const batches = held.get(runner)!;
    batches.splice(batches.indexOf(batch), 1);
    if (batches[0] && batches[0].beganMs === undefined) begin(batches[0]);
  };

  /** Tries the rows once more that have a try left, and whose job still waits for them. */
  const retry = (entries: readonly Entry[], cause: unknown) => {
    for (const entry of entries) entry.tries++;
    const spent = entries.filter(entry => closed || entry.tries === maxTries);
    const error = closed
      ? closing()
      : new VeneerError('unavailable', 'the engine failed to run a batch', { cause });
    fail(
      spent.map(entry => entry.job),
      error,
    );
    for (const entry of entries) if (!entry.job.settled) queue.push(entry);
  };

  const runBatch = async (runner: Runner, batch: Batch) => {
    const { entries } = batch;
    try {
      const rows = entries.map(({ row }) => row);
      const manifests = rows.map(({ adapter }) => adapter.manifest);
      const variant = variantOf(manifests, narrow);
      const feeds = assemble(rows, variant, { config: base.config, buffers });
      const { spent = [], ...logits } = await runner.run(variantName(variant), feeds);
      buffers.give(spent);
      deliver(entries, logits, variant);
    } catch (error) {
      if (error instanceof VeneerError)
        fail(
          entries.map(entry => entry.job),
          error,
        );
      else retry(entries, error);
    }
    end(runner, batch);
    dispatch();
  };

  return {
    base,
    run(rows, { tenant = '', priority = 'interactive', signal, began } = {}) {
      if (rows.length === 0) return Promise.resolve([]);
      if (signal?.aborted) return Promise.reject(signal.reason);
      if (closed) return Promise.reject(closing());
      // One request may be longer than the line while nobody else stands in it: refused, it could never run. The background
      // stands behind everybody, so it is in nobody's way.
      const ahead = priority === 'interactive' ? queue.interactiveSize : queue.size;
      if (ahead > 0 && ahead + rows.length > maxWaitingRows)
        return Promise.reject(
          new VeneerError('rate_limited', `${ahead} windows are waiting already: try again later`, {
            retryAfterSeconds,
          }),
        );
      return new Promise((resolve, reject) => {
        const cancel = () => fail([job], signal!.reason);
        const settle = () => {
          job.settled = true;
          signal?.removeEventListener('abort', cancel);
        };
        const job: Job = {
          results: new Array(rows.length),
          left: rows.length,
          settled: false,
          begin: began,
          resolve: results => {
            settle();
            resolve(results);
          },
          reject: error => {
            settle();
            reject(error);
          },
        };
        signal?.addEventListener('abort', cancel);
        const arrivedMs = performance.now();
        rows.forEach((row, index) => {
          const { manifest } = row.adapter;
          queue.push({
            row,
            job,
            index,
            tries: 0,
            arrivedMs,
            tenant,
            priority,
            ...kindOf(manifest),
            length: rowLength({ window: row.window, virtual: manifest }),
          });
        });
        dispatch();
      });
    },
    async warm(adapters) {
      const graphs = new Set(adapters.map(adapter => variantName(variantOf([adapter], narrow))));
      for (const graph of graphs) warmed.add(graph);
      await Promise.all([...held.keys()].flatMap(runner => Array.from(graphs, graph => runner.open(graph))));
    },
    async close() {
      closed = true;
      fail(
        queue.remove(() => true).map(entry => entry.job),
        closing(),
      );
      await Promise.all(Array.from(held.keys(), runner => runner.close()));
    },
  };
}

const closing = () => new VeneerError('unavailable', 'the engine is closing');

/**
 * Rows of one kind have products of the same shapes alone and in any batch. A product's width decides in which order the
 * runtime adds up its terms, and the last bit of a sum can turn the rounding of an activation to int8, so another rank,
 * set of modules, prefix or number of labels would show in a neighbour's logits. To a row without LoRA that of others adds
 * exactly 0.
 */
function kindOf({ head, lora, prefix, labels }: AdapterManifest): Pick<Waiting, 'kind' | 'parts'> {
  return {
    kind: `${headKind(head)} ${paddedLabels(labels.length)}`,
    parts: {
      ...(lora ? { lora: `${smallestSet(lora.targetModules).join('')} ${paddedRank(lora.rank)}` } : {}),
      ...(prefix ? { prefix: `${paddedPrefix(prefix.tokens)}` } : {}),
    },
  };
}

/** Cuts the batch's logits into rows and settles the jobs that are complete. */
function deliver(entries: readonly Entry[], { data, shape }: Logits, { head }: Variant): void {
  const [, places, width] = shape as [number, number, number];
  entries.forEach(({ row: { window, adapter }, job, index }, row) => {
    const labels = adapter.manifest.labels.length;
    const count = head === 'token' ? window.ids.length : 1;
    const first = head === 'token' ? (adapter.manifest.prompt?.tokens ?? 0) : 0;
    const logits = new Float32Array(count * labels);
    for (let i = 0; i < count; i++) {
      const from = (row * places + first + i) * width;
      logits.set(data.subarray(from, from + labels), i * labels);
    }
    job.results[index] = logits;
    if (--job.left === 0) job.resolve(job.results);
  });
}

/** What a runner has before it. */
function tokensOf(batches: readonly Batch[]): number {
  return batches.flatMap(({ entries }) => entries).reduce((sum, { length }) => sum + length, 0);
}

function reportOf(entries: readonly Entry[], beganMs: number): BatchReport {
  const lengths = entries.map(entry => entry.length);
  return {
    rows: entries.length,
    tokens: lengths.reduce((sum, length) => sum + length, 0),
    paddedTokens: entries.length * Math.max(...lengths),
    waitedMs: entries.map(entry => beganMs - entry.arrivedMs),
    runMs: performance.now() - beganMs,
  };
}
