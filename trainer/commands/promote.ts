/** `promote`: points an alias at a version that is in the store already, named by digest or by another alias. */
import type { Command } from 'commander';
import { type AdapterReference, parseReference } from '../../functions/artifacts/names.ts';
import { readAlias, resolveReference, setAlias } from '../../functions/artifacts/versions.ts';
import { VeneerError } from '../../functions/error.ts';
import type { Store } from '../../functions/store/store.ts';
import { openSharedStore, outputOf, type SharedOptions, shared } from './command.ts';

export interface MovedAlias {
  tenant: string;
  name: string;
  alias: string;
  digest: string;
  /** What `rollback` would go back to. */
  previous: string | null;
}

/**
 * An alias that points there already stays as it is, `previous` included.
 * @throws VeneerError `conflict` where someone else moved the alias first.
 */
export async function promote(
  store: Store,
  { tenant, reference, alias }: { tenant: string; reference: AdapterReference; alias: string },
): Promise<MovedAlias> {
  const { name } = reference;
  if ('alias' in reference && reference.alias === alias)
    throw new VeneerError(
      'usage',
      `${name}@${alias} cannot be promoted to itself: write ${name}@sha256:<digest> or another alias (see trainer adapters ${name})`,
    );
  const expect = (await readAlias(store, { tenant, name, alias })) ?? null;
  const digest = await resolveReference(store, tenant, reference);
  const { previous } = await setAlias(store, { tenant, name, alias, digest, expect });
  return { tenant, name, alias, digest, previous };
}

export function promoteCommand(program: Command): void {
  shared(program.command('promote'))
    .description('point an alias at a version that was pushed before')
    .argument('<version>', 'NAME@sha256:<digest> or NAME@<alias>')
    .requiredOption('--tenant <tenant>', 'whose adapter')
    .option('--alias <alias>', 'alias that shall point to it', 'live')
    .action(async (version: string, flags: SharedOptions & { tenant: string; alias: string }) => {
      const output = outputOf(flags);
      const { tenant, alias } = flags;
      const reference = parseReference(version);
      const moved = await promote(await openSharedStore(flags), { tenant, reference, alias });
      output.result(moved, `${moved.name}@${alias} -> sha256:${moved.digest}`);
    });
}
