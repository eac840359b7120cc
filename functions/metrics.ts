/**
 * The only file that knows prom-client: what Prometheus reads of a process, told to it by plain calls. No label is taken
 * from what a client sends: routes are patterns, and tenants are names of keys, told apart only where that is asked for.
 * What happens at each request is counted in numbers of our own, and shown to prom-client when it is read.
 */
import { Counter, collectDefaultMetrics, Gauge, type Histogram, Registry } from 'prom-client';
import type { AdapterStats } from './adapters.ts';
import { type Distribution, type Labels, openDistribution } from './distribution.ts';
import type { EngineObserver } from './engine/observer.ts';
import type { AnsweredRequest } from './http/answered.ts';
import { openRequestCounts } from './request-counts.ts';
import type { ShadowCounts } from './shadow.ts';
import { type Stage, stages } from './timed.ts';

export interface Metrics {
  engine: EngineObserver;
  adapterLoaded(ms: number): void;
  /** Where the state of the adapters in memory is read at each scrape. */
  readAdapters(stats: () => AdapterStats): void;
  /** The same of the versions that are compared with what answers. */
  readShadows(counts: () => ShadowCounts): void;
  stage(stage: Stage, ms: number): void;
  arrived(): void;
  answered(request: AnsweredRequest): void;
  exposition(): Promise<{ contentType: string; text: string }>;
}

export interface MetricsOptions {
  /** Whether requests and tokens are counted by tenant: at most 1,000 of them, the others together. */
  byTenant: boolean;
}

/** From 1 ms to 10 s. */
const seconds = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
const rows = [1, 2, 4, 8, 16, 32, 64];
const shares = [0, 0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.5];

export function openMetrics({ byTenant }: MetricsOptions): Metrics {
  const registry = new Registry();
  const registers = [registry];
  collectDefaultMetrics({ register: registry });
  const tenantLabel = byTenant ? ['tenant'] : [];

  const counter = <Label extends string>(name: string, help: string, labelNames: readonly Label[] = []) =>
    new Counter<Label>({ name: `veneer_${name}`, help, labelNames, registers });
  /** A histogram that prom-client reads and does not keep: its own looks up labels by name at each value. */
  const shownHistogram = (
    name: string,
    help: string,
    distributions: () => Iterable<{ labels: Labels; distribution: Distribution }>,
  ) => {
    const family = { name: `veneer_${name}`, help, type: 'histogram' };
    const values = () =>
      Array.from(distributions(), ({ labels, distribution }) => distribution.samples(family.name, labels));
    const metric = { ...family, get: async () => ({ ...family, values: values().flat() }) };
    registry.registerMetric(metric as unknown as Histogram);
  };
  const histogram = (name: string, { help, buckets }: { help: string; buckets: readonly number[] }) => {
    const distribution = openDistribution(buckets);
    shownHistogram(name, help, () => [{ labels: {}, distribution }]);
    return distribution;
  };
  const gauge = (name: string, help: string) => new Gauge({ name: `veneer_${name}`, help, registers });

  const counts = openRequestCounts({ bounds: seconds, byTenant });
  /** A counter that is kept elsewhere. */
  const shownCounter = (
    name: string,
    help: string,
    {
      labelNames = [],
      values,
    }: { labelNames?: string[]; values: () => { labels?: Labels; value: number }[] },
  ) =>
    new Counter({
      ...{ name: `veneer_${name}`, help, labelNames, registers },
      collect() {
        this.reset();
        for (const { labels = {}, value } of values()) this.inc(labels, value);
      },
    });
  shownCounter('http_requests_total', 'Requests answered.', {
    labelNames: ['method', 'route', 'status', 'task', ...tenantLabel],
    values: () => Array.from(counts.answered(), ({ labels, requests: value }) => ({ labels, value })),
  });
  shownHistogram(
    'http_request_duration_seconds',
    'From the arrival of a request to its answer.',
    counts.durations,
  );
  const inFlight = gauge('http_requests_in_flight', 'Requests that have no answer yet.');
  const problems = counter('http_problems_total', 'Answers that were a problem, by its code.', ['code']);
  shownCounter('tokens_total', 'Tokens computed, special tokens counted, padding not.', {
    labelNames: ['task', ...tenantLabel],
    values: () => Array.from(counts.computed(), ({ labels, tokens: value }) => ({ labels, value })),
  });
  shownCounter('windows_total', 'Windows computed.', {
    labelNames: ['task', ...tenantLabel],
    values: () => Array.from(counts.computed(), ({ labels, windows: value }) => ({ labels, value })),
  });
  const byStage = new Map(
    stages.map(stage => [stage, openDistribution([0.0001, 0.00025, 0.0005, ...seconds])]),
  );
  shownHistogram('stage_duration_seconds', 'Time of each stage of a prediction.', () =>
    Array.from(byStage, ([stage, distribution]) => ({ labels: { stage }, distribution })),
  );

  const batchRows = histogram('engine_batch_rows', { help: 'Rows of a batch.', buckets: rows });
  const padding = histogram('engine_padding_ratio', {
    help: 'Share of a batch that is padding.',
    buckets: shares,
  });
  const batchTokens = counter('engine_tokens_total', 'Tokens of all batches, without padding.');
  const paddingTokens = counter('engine_padding_tokens_total', 'Padding of all batches.');
  const waited = histogram('engine_wait_seconds', { help: 'Time a row waited to run.', buckets: seconds });
  const ran = histogram('engine_run_seconds', { help: 'Time a batch ran.', buckets: seconds });
  const queueRows = gauge('engine_queue_rows', 'Rows that wait to run.');
  const restarts = counter('engine_worker_restarts_total', 'Worker threads that died and were replaced.');
  const loadSeconds = histogram('adapter_cache_load_seconds', {
    help: 'Time to load an adapter from the store.',
    buckets: seconds,
  });

  return {
    engine: {
      waiting: count => queueRows.set(count),
      batch(report) {
        batchRows.add(report.rows);
        padding.add(1 - report.tokens / report.paddedTokens);
        batchTokens.inc(report.tokens);
        paddingTokens.inc(report.paddedTokens - report.tokens);
        ran.add(report.runMs / 1000);
        for (const ms of report.waitedMs) waited.add(ms / 1000);
      },
      restarted: () => restarts.inc(),
    },
    adapterLoaded: ms => loadSeconds.add(ms / 1000),
    readAdapters(stats) {
      const state = (name: string, help: string, value: (stats: AdapterStats) => number) =>
        new Gauge({
          ...{ name: `veneer_adapter_cache_${name}`, help, registers },
          collect() {
            this.set(value(stats()));
          },
        });
      const count = (name: string, help: string, value: (stats: AdapterStats) => number) =>
        shownCounter(`adapter_cache_${name}_total`, help, { values: () => [{ value: value(stats()) }] });
      state('bytes', 'Bytes of adapters in memory.', ({ residentBytes }) => residentBytes);
      state('adapters', 'Adapters in memory.', ({ resident }) => resident);
      count('hits', 'Requests whose adapter was in memory.', ({ hits }) => hits);
      count('misses', 'Requests that waited for their adapter.', ({ misses }) => misses);
      count('evictions', 'Adapters that made room for others.', ({ evictions }) => evictions);
      count('failures', 'Adapters that could not be loaded.', ({ failures }) => failures);
    },
    readShadows(counts) {
      const count = (name: string, help: string, of: keyof ShadowCounts) =>
        shownCounter(`shadow_${name}_total`, help, { values: () => [{ value: counts()[of] }] });
      count('compared', 'Requests that a shadow answered as well.', 'compared');
      count('disagreements', 'Requests on which the two disagreed.', 'disagreed');
      count('failures', 'Requests that the shadow failed on.', 'failed');
      count('dropped', 'Requests left out, since too many waited.', 'dropped');
      count('score_difference', 'Score differences of what was compared, added up.', 'scoreDifferenceTotal');
    },
    stage: (name, ms) => byStage.get(name)!.add(ms / 1000),
    arrived: () => inFlight.inc(),
    answered(request) {
      inFlight.dec();
      counts.add(request);
      if (request.code !== undefined) problems.inc({ code: request.code });
    },
    exposition: async () => ({ contentType: registry.contentType, text: await registry.metrics() }),
  };
}
