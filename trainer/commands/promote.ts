/**
 * `promote`: points an alias at a version that is in the store already, named by digest or by another alias; or, with
 * --percent, lets that version answer a share of the alias's requests first.
 */
import type { Command } from 'commander';
import type { Canary } from '../../functions/artifacts/manifests.ts';
import { type AdapterReference, parseReference } from '../../functions/artifacts/names.ts';
import { readAlias, resolveReference, setAlias } from '../../functions/artifacts/versions.ts';
import { VeneerError } from '../../functions/error.ts';
import type { Store } from '../../functions/store/store.ts';
import { candidateFor } from './candidate.ts';
import { openSharedStore, outputOf, real, type SharedOptions, shared } from './command.ts';

export interface MovedAlias {
  tenant: string;
  name: string;
  alias: string;
  digest: string;
  /** What `rollback` would go back to. */
  previous: string | null;
  canary?: Canary;
}

interface Promotion {
  tenant: string;
  reference: AdapterReference;
  alias: string;
  /** Share of requests; left out, or 100: all of them. */
  percent?: number | undefined;
}

/**
 * An alias that points there already, with nothing tried beside it, stays as it is, `previous` included.
 * @throws VeneerError `conflict` where someone else moved the alias first.
 */
export async function promote(
  store: Store,
  { tenant, reference, alias, percent = 100 }: Promotion,
): Promise<MovedAlias> {
  const { name } = reference;
  if ('alias' in reference && reference.alias === alias)
    throw new VeneerError(
      'usage',
      `${name}@${alias} cannot be promoted to itself: write ${name}@sha256:<digest> or another alias (see trainer adapters ${name})`,
    );
  if (percent < 100) {
    const { digest: candidate, standing } = await candidateFor(store, { tenant, reference, alias });
    const { digest, shadow } = standing.alias;
    const canary = { digest: candidate, percent };
    const change = { tenant, name, alias, digest, canary, shadow, expect: standing };
    const { previous } = await setAlias(store, change);
    return { tenant, name, alias, digest, previous, canary };
  }
  const expect = (await readAlias(store, { tenant, name, alias })) ?? null;
  const digest = await resolveReference(store, tenant, reference);
  const { previous } = await setAlias(store, { tenant, name, alias, digest, expect });
  return { tenant, name, alias, digest, previous };
}

export function promoteCommand(program: Command): void {
  shared(program.command('promote'))
    .description('point an alias at a version that was pushed before, for all of its requests or a share')
    .argument('<version>', 'NAME@sha256:<digest> or NAME@<alias>')
    .requiredOption('--tenant <tenant>', 'whose adapter')
    .option('--alias <alias>', 'alias that shall point to it', 'live')
    .option(
      '--percent <p>',
      'let it answer this share of request keys only, as a canary (all, if left out)',
      real(0, 100, true),
    )
    .action(
      async (version: string, flags: SharedOptions & { tenant: string; alias: string; percent?: number }) => {
        const output = outputOf(flags);
        const { tenant, alias, percent } = flags;
        const reference = parseReference(version);
        const store = await openSharedStore(flags);
        const moved = await promote(store, { tenant, reference, alias, percent });
        const { name, digest, canary } = moved;
        const share = canary ? `, ${canary.percent} % of requests -> sha256:${canary.digest}` : '';
        output.result(moved, `${name}@${alias} -> sha256:${digest}${share}`);
      },
    );
}
