/** `shadow`: has a version answer an alias's requests as well; only its disagreements are seen, in the server's log. */
import type { Command } from 'commander';
import { type AdapterReference, parseReference } from '../../functions/artifacts/names.ts';
import { notFound, readAlias, setAlias } from '../../functions/artifacts/versions.ts';
import type { Store } from '../../functions/store/store.ts';
import { candidateFor } from './candidate.ts';
import { openSharedStore, outputOf, type SharedOptions, shared } from './command.ts';

export interface ShadowedAlias {
  tenant: string;
  name: string;
  alias: string;
  /** What answers, and what is compared with it; null: nothing. */
  digest: string;
  shadow: string | null;
}

/** @throws VeneerError `conflict` where someone else changed the alias first. */
export async function startShadow(
  store: Store,
  { tenant, reference, alias }: { tenant: string; reference: AdapterReference; alias: string },
): Promise<ShadowedAlias> {
  const { name } = reference;
  const { digest: shadow, standing } = await candidateFor(store, { tenant, reference, alias });
  const { digest, canary } = standing.alias;
  await setAlias(store, { tenant, name, alias, digest, canary, shadow, expect: standing });
  return { tenant, name, alias, digest, shadow };
}

export async function stopShadow(
  store: Store,
  { tenant, name, alias }: { tenant: string; name: string; alias: string },
): Promise<ShadowedAlias> {
  const standing = await readAlias(store, { tenant, name, alias });
  if (!standing) throw notFound({ name, alias });
  const { digest, canary } = standing.alias;
  await setAlias(store, { tenant, name, alias, digest, canary, expect: standing });
  return { tenant, name, alias, digest, shadow: null };
}

export function shadowCommand(program: Command): void {
  shared(program.command('shadow'))
    .description('have a version answer too, unseen: the server logs where it disagrees with what is live')
    .argument('<version>', 'NAME@sha256:<digest> or NAME@<alias>; with --stop, NAME')
    .requiredOption('--tenant <tenant>', 'whose adapter')
    .option('--alias <alias>', 'alias whose requests it shall see', 'live')
    .option('--stop', 'end it', false)
    .action(
      async (version: string, flags: SharedOptions & { tenant: string; alias: string; stop: boolean }) => {
        const output = outputOf(flags);
        const { tenant, alias, stop } = flags;
        const reference = parseReference(version);
        const { name } = reference;
        const store = await openSharedStore(flags);
        const shadowed = stop
          ? await stopShadow(store, { tenant, name, alias })
          : await startShadow(store, { tenant, reference, alias });
        const beside = stop ? 'no shadow' : `shadow sha256:${shadowed.shadow}`;
        output.result(shadowed, `${name}@${alias} -> sha256:${shadowed.digest}, ${beside}`);
      },
    );
}
