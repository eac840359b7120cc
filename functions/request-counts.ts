/** Counts the requests that were answered. Its series are few, and looked up once a request. */
import { type Distribution, type Labels, openDistribution } from './distribution.ts';
import type { AnsweredRequest } from './http/answered.ts';

/** Of one task, and of one tenant where they are told apart. */
interface Computed {
  labels: Labels;
  tokens: number;
  windows: number;
}

interface Series {
  labels: Labels;
  requests: number;
  /** Shared by all tenants. */
  seconds: Distribution;
  /** Undefined until something was computed. */
  computed: Computed | undefined;
}

export interface RequestCounts {
  add(request: AnsweredRequest): void;
  answered(): Iterable<Readonly<Series>>;
  computed(): Iterable<Readonly<Computed>>;
  durations(): Iterable<{ labels: Labels; distribution: Distribution }>;
}

export interface RequestCountsOptions {
  /** Upper bounds of durations, in seconds. */
  bounds: readonly number[];
  /** Whether tenants are told apart: `maxTenants` of them, the others together. */
  byTenant: boolean;
}

export const maxTenants = 1_000;
/** No tenant's name: those have no underscore. */
const otherTenants = '_other';
const methods = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']);

export function openRequestCounts({ bounds, byTenant }: RequestCountsOptions): RequestCounts {
  const tenants = new Set<string>();
  const all = new Map<string, Series>();
  const computed = new Map<string, Computed>();
  const durations = new Map<string, { labels: Labels; distribution: Distribution }>();

  const labelOf = (tenant: string | undefined): string | undefined => {
    if (!byTenant) return undefined;
    if (tenant === undefined) return '';
    if (tenants.size < maxTenants) tenants.add(tenant);
    return tenants.has(tenant) ? tenant : otherTenants;
  };
  const open = (labels: Labels, own: Labels): Series => {
    const duration = found(durations, JSON.stringify(labels), () => ({
      labels,
      distribution: openDistribution(bounds),
    }));
    return {
      labels: { ...labels, ...own },
      requests: 0,
      seconds: duration.distribution,
      computed: undefined,
    };
  };

  return {
    add({ method: given, route = 'unmatched', status, task = '', ms, tenant, tokens, windows }) {
      const method = methods.has(given) ? given : 'other';
      const label = labelOf(tenant);
      const series = found(all, `${method} ${route} ${status} ${task} ${label}`, () =>
        open({ method, route, status: String(status), task }, label === undefined ? {} : { tenant: label }),
      );
      series.requests++;
      series.seconds.add(ms / 1000);
      if (tokens === undefined || windows === undefined) return;
      series.computed ??= found(computed, `${task} ${label}`, () => ({
        labels: { task, ...(label === undefined ? {} : { tenant: label }) },
        tokens: 0,
        windows: 0,
      }));
      series.computed.tokens += tokens;
      series.computed.windows += windows;
    },
    answered: () => all.values(),
    computed: () => computed.values(),
    durations: () => durations.values(),
  };
}

function found<Value>(map: Map<string, Value>, key: string, make: () => Value): Value {
  let value = map.get(key);
  if (value === undefined) {
    value = make();
    map.set(key, value);
  }
  return value;
}
