/** What every prediction does around its question: the base and the adapter, the time it takes, the headers of the answer. */
import type { Context } from 'hono';
import type { ResidentAdapter } from '../artifacts/adapter.ts';
import type { Base } from '../base.ts';
import type { RunOptions } from '../engine/engine.ts';
import type { Usage } from '../predict.ts';
import type { Timed } from '../timed.ts';
import type { RequestEnv } from './context.ts';
import { runOptions } from './run-options.ts';
import type { Services } from './services.ts';

export type AskingServices = Pick<Services, 'adapters' | 'base' | 'limits'>;

/** What a question is put to. */
export interface Asking {
  base: Base;
  adapter: ResidentAdapter;
  run: RunOptions;
  timed: Timed;
}

export async function ask<Answered extends { usage: Usage }>(
  c: Context<RequestEnv>,
  services: AskingServices,
  { reference, question }: { reference: string; question: (asking: Asking) => Promise<Answered> },
): Promise<Answered & { adapter: ResidentAdapter }> {
  const { timed, header } = c.get('stopwatch');
  const [base, adapter] = await Promise.all([
    timed('base', () => services.base()),
    timed('adapter', () => services.adapters.get(c.get('tenant'), reference)),
  ]);
  // At once, so that a problem of the question has it too.
  c.header('x-adapter-digest', adapter.digest);
  const asked = { task: adapter.manifest.task, adapterDigest: adapter.digest };
  c.set('prediction', asked);
  const run = runOptions(c, services.limits);
  const answered = await question({ base, adapter, run, timed });
  const { tokens, windows } = answered.usage;
  c.set('prediction', { ...asked, tokens, windows: windows.reduce((sum, count) => sum + count, 0) });
  c.header('x-compute-tokens', String(tokens));
  c.header('x-compute-windows', windows.join(','));
  c.header('server-timing', header());
  return { ...answered, adapter };
}
