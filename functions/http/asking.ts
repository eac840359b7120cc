/** What every prediction does around its question: the base and the adapter, the time it takes, the headers of the answer. */
import type { Context } from 'hono';
import type { ResidentAdapter } from '../artifacts/adapter.ts';
import { parseReference } from '../artifacts/names.ts';
import type { Base } from '../base.ts';
import type { RunOptions } from '../engine/engine.ts';
import type { Usage } from '../predict.ts';
import { type Timed, untimed } from '../timed.ts';
import type { RequestEnv } from './context.ts';
import { setField } from './fields.ts';
import { requestField } from './request-field.ts';
import { requestKeyHeader } from './responses.ts';
import { withRunOptions } from './run-options.ts';
import type { Services } from './services.ts';
import { shadow } from './shadowing.ts';

export type AskingServices = Pick<Services, 'adapters' | 'base' | 'limits' | 'shadows' | 'usage'>;

/** What a question is put to. */
export interface Asking {
  base: Base;
  adapter: ResidentAdapter;
  run: RunOptions;
  timed: Timed;
  /** Sees the task's outputs before they take the shape of the answer. */
  decoded: (outputs: readonly unknown[]) => void;
}

export async function ask<Answered extends { usage: Usage }>(
  c: Context<RequestEnv>,
  services: AskingServices,
  { reference, question }: { reference: string; question: (asking: Asking) => Promise<Answered> },
): Promise<Answered & { adapter: ResidentAdapter }> {
  const { timed, header } = c.get('stopwatch');
  const tenant = c.get('tenant');
  // All inputs of a request are answered by one version.
  const requestKey = requestField(c, requestKeyHeader) ?? c.get('requestId');
  const [base, adapter] = await Promise.all([
    timed.async('base', () => services.base()),
    timed.async('adapter', () => services.adapters.get(tenant, reference, requestKey)),
  ]);
  // At once, so that a problem of the question has it too.
  setField(c, 'x-adapter-digest', adapter.digest);
  const asked = { task: adapter.manifest.task, adapterDigest: adapter.digest };
  c.set('prediction', asked);
  const put = async (asking: Omit<Asking, 'base' | 'decoded'>) => {
    let outputs: readonly unknown[] = [];
    const decoded = (those: readonly unknown[]) => {
      outputs = those;
    };
    return { answered: await question({ base, decoded, ...asking }), outputs };
  };
  const { answered, outputs } = await withRunOptions(c, services.limits, run => put({ adapter, run, timed }));
  const { tokens } = answered.usage;
  const windows = answered.usage.windows.reduce((sum, count) => sum + count, 0);
  c.set('prediction', { ...asked, tokens, windows });
  await c.get('chargeTokens')?.(tokens);
  await services.usage.count(
    { tenant, adapter: parseReference(reference).name },
    { requests: 1, tokens, windows },
  );
  setField(c, 'x-compute-tokens', String(tokens));
  setField(c, 'x-compute-windows', answered.usage.windows.join(','));
  setField(c, 'server-timing', header());
  shadow(services, {
    ...{ tenant, reference, adapter, outputs },
    async ask(candidate) {
      const signal = AbortSignal.timeout(services.limits.deadlineMs);
      const run = { tenant, priority: 'background' as const, signal };
      return (await put({ adapter: candidate, run, timed: untimed })).outputs;
    },
  });
  return { ...answered, adapter };
}
