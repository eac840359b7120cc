/**
 * `rollback`: ends a canary where one answers a share of the requests; else points an alias back at what it pointed to
 * before. One version back is all an alias remembers, and rolling back swaps the two: a second one goes forward again.
 */
import type { Command } from 'commander';
import type { Canary } from '../../functions/artifacts/manifests.ts';
import { notFound, readAlias, setAlias } from '../../functions/artifacts/versions.ts';
import { VeneerError } from '../../functions/error.ts';
import type { Store } from '../../functions/store/store.ts';
import { openSharedStore, outputOf, type SharedOptions, shared } from './command.ts';
import type { MovedAlias } from './promote.ts';

/** @throws VeneerError `not_found` where nothing was there before, `conflict` where someone else moved the alias first. */
export async function rollback(
  store: Store,
  { tenant, name, alias }: { tenant: string; name: string; alias: string },
): Promise<MovedAlias & { ended?: Canary }> {
  const expect = await readAlias(store, { tenant, name, alias });
  if (!expect) throw notFound({ name, alias });
  if (expect.alias.canary) {
    const { digest, previous } = await setAlias(store, {
      ...{ tenant, name, alias, expect },
      digest: expect.alias.digest,
    });
    return { tenant, name, alias, digest, previous, ended: expect.alias.canary };
  }
  const digest = expect.alias.previous;
  if (digest === null)
    throw new VeneerError(
      'not_found',
      `${name}@${alias} has pointed to nothing but sha256:${expect.alias.digest}: promote another version instead`,
    );
  const { previous } = await setAlias(store, { tenant, name, alias, digest, expect });
  return { tenant, name, alias, digest, previous };
}

export function rollbackCommand(program: Command): void {
  shared(program.command('rollback'))
    .description(
      'end an alias’s canary, or point it back at what it pointed to before; a second time goes forward again',
    )
    .argument('<name>', 'name of the adapter')
    .requiredOption('--tenant <tenant>', 'whose adapter')
    .option('--alias <alias>', 'alias that shall go back', 'live')
    .action(async (name: string, flags: SharedOptions & { tenant: string; alias: string }) => {
      const output = outputOf(flags);
      const { tenant, alias } = flags;
      const moved = await rollback(await openSharedStore(flags), { tenant, name, alias });
      output.result(
        moved,
        moved.ended
          ? `${name}@${alias} -> sha256:${moved.digest} (canary sha256:${moved.ended.digest} ended)`
          : `${name}@${alias} -> sha256:${moved.digest} (was sha256:${moved.previous}; again to go forward)`,
      );
    });
}
