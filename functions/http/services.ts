/** What the HTTP surface stands on, as plain arguments, and how a process makes it from a store. */
import { type Adapters, openAdapters } from '../adapters.ts';
import type { Rate } from '../artifacts/manifests.ts';
import { type Base, beginBase } from '../base.ts';
import type { BatchOptions } from '../batches/limits.ts';
import { openMemoryLimiter } from '../limits/memory.ts';
import type { RateLimiter } from '../limits/rate-limiter.ts';
import { openStoreLimiter } from '../limits/store.ts';
import type { Metrics } from '../metrics.ts';
import { openShadows, type Shadows } from '../shadow.ts';
import type { Store } from '../store/store.ts';
import { openUsageCounter, type UsageCounter } from '../usage/counter.ts';
import type { WantedAdapter } from '../wanted.ts';
import { onlyBase } from './base-name.ts';
import { type JwtIssuer, type JwtVerifier, openJwtVerifier } from './jwt.ts';
import { lazyBase } from './lazy-base.ts';
import { logDisagreement, logError } from './log.ts';
import { servedStore } from './served-store.ts';

export interface Limits {
  maxBodyBytes: number;
  /** A pushed adapter with its manifest. */
  maxAdapterBytes: number;
  /** Inputs of one request. */
  maxInputs: number;
  /** UTF-16 code units of one text. */
  maxTextLength: number;
  /** A request that has no answer by then gets none. */
  deadlineMs: number;
  /** Requests of one key at once. */
  maxConcurrent: number;
  /** Of a key that has no rate of its own. */
  rate: Rate;
}

export interface Services {
  store: Store;
  adapters: Adapters;
  /** Opened once for however many ask; a failure is forgotten, so the next call tries again. */
  base(): Promise<Base>;
  /** Whether the base is open, or nothing speaks against opening it, and what is to be loaded at start has been. */
  ready(): boolean;
  shadows: Shadows;
  limits: Limits;
  limiter: RateLimiter;
  usage: UsageCounter;
  /** Tokens of an issuer, where one is configured. */
  jwt?: JwtVerifier | undefined;
  now(): Date;
  batches?: BatchOptions | undefined;
  /** Left out: nothing is counted, and /metrics is not there. */
  metrics?: Metrics | undefined;
  /** Whether each request is a line of the log; left out, only what is our fault. */
  logRequests?: boolean | undefined;
  /** Of a clock that nobody sets. */
  uptimeMs(): number;
}

export const defaultLimits: Limits = {
  maxBodyBytes: 1 << 20,
  maxAdapterBytes: 64 << 20,
  maxInputs: 128,
  maxTextLength: 100_000,
  deadlineMs: 25_000,
  maxConcurrent: 256,
  rate: { requestsPerMinute: null, tokensPerMinute: null },
};

/** Adapters kept in memory; q,v at rank 8 takes 75 kB in int8. */
const adapterBudgetBytes = 256 << 20;
/** Requests that wait for their comparison with a shadow, with up to `maxBodyBytes` of text each. */
const maxShadowsWaiting = 16;
/** How long a request may still be answered by what an alias pointed to before. */
const aliasTtlMs = 5_000;
/** What a process that is killed loses of its usage counts. */
const usageFlushMs = 30_000;

export interface ServicesOptions {
  store: Store;
  /** Left out: the only base in the store. */
  baseName?: string | undefined;
  /** Folder for the base's files where the store is remote. */
  cacheDir: string;
  /** Worker threads that compute; 0 computes in the calling thread. */
  workers: number;
  limits?: Partial<Limits> | undefined;
  /** Where levels of rate limits are kept: in this process, or in the store for all processes at its price. */
  rateLimits?: 'memory' | 'store' | undefined;
  /** 0 writes usage before each answer. */
  usageFlushMs?: number | undefined;
  jwt?: JwtIssuer | undefined;
  /** Loaded at start, with the sessions they need, before it is ready; this opens the base. One that fails is logged. */
  prefetch?: readonly WantedAdapter[] | undefined;
  metrics?: Metrics | undefined;
  logRequests?: boolean | undefined;
}

export interface OpenServices extends Services {
  /** Begins to open the base ahead of the first request. Where that fails, the request tries again. */
  beginBase(): void;
  /** Writes the usage and gives the base's memory back; call it when no request is under way. */
  close(): Promise<void>;
}

export function openServices(options: ServicesOptions): OpenServices {
  const { cacheDir, workers, limits, prefetch = [], metrics, logRequests } = options;
  const base = lazyBase(() => {
    const name = options.baseName ?? onlyBase(options.store);
    return beginBase({ store: options.store, name, cacheDir, workers, observer: metrics?.engine });
  });
  /** What is to be done when no request is under way any more; one that fails stops no other. */
  const onClose: (() => Promise<void>)[] = [
    async () => {
      await shadows.close();
      await base.close();
    },
  ];
  const store = servedStore(options.store);
  const adapters = openAdapters({
    store,
    base: async () => (await base.get()).manifest,
    budgetBytes: adapterBudgetBytes,
    aliasTtlMs,
    now: Date.now,
    onManifest: base.expect,
    onLoad: metrics?.adapterLoaded,
  });
  metrics?.readAdapters(adapters.stats);
  const shadows = openShadows({
    // Where the calling thread computes, a shadow would hold up the next answer.
    maxWaiting: workers === 0 ? 0 : maxShadowsWaiting,
    onDisagreement: logDisagreement,
    onFailure: error => logError(error),
  });
  metrics?.readShadows(shadows.counts);
  let warming = prefetch.length > 0;
  const warmUp = async () => {
    const { loaded, failed } = await adapters.prefetch(prefetch);
    for (const { error } of failed) logError(error);
    if (loaded.length > 0) await (await base.get()).engine.warm(loaded);
  };
  void warmUp()
    .catch(error => logError(error))
    .finally(() => {
      warming = false;
    });
  const now = () => new Date();
  const uptimeMs = () => performance.now();
  const usage = openUsageCounter({
    store: options.store,
    now,
    flushEveryMs: options.usageFlushMs ?? usageFlushMs,
    onFlushError: logError,
  });
  onClose.push(usage.close);
  return {
    store,
    adapters,
    base: base.get,
    beginBase: base.begin,
    ready: () => !warming && base.ready(),
    shadows,
    limits: { ...defaultLimits, ...limits },
    limiter:
      options.rateLimits === 'store' ? openStoreLimiter({ store, now }) : openMemoryLimiter({ uptimeMs }),
    usage,
    jwt: options.jwt && openJwtVerifier({ ...options.jwt, uptimeMs }),
    now,
    uptimeMs,
    metrics,
    logRequests,
    async close() {
      const ended = await Promise.allSettled(onClose.map(end => end()));
      for (const each of ended) if (each.status === 'rejected') logError(each.reason);
    },
  };
}
