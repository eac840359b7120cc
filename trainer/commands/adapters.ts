/** `adapters`: what a tenant has in the store, and how it leaves. */
import type { Command } from 'commander';
import { collectOrphans, deleteAdapter } from '../../functions/artifacts/deletion.ts';
import { describeAdapter, listAdapters } from '../../functions/artifacts/listing.ts';
import type { Alias } from '../../functions/artifacts/manifests.ts';
import { VeneerError } from '../../functions/error.ts';
import { type Output, openSharedStore, outputOf, type SharedOptions, shared } from './command.ts';

type Flags = SharedOptions & { tenant: string };

export function adaptersCommand(program: Command): void {
  const adapters = program.command('adapters').description('list, describe and delete a tenant’s adapters');
  shared(adapters.command('list', { isDefault: true }))
    .description('list a tenant’s adapters, or the versions and aliases of one')
    .argument('[name]', 'adapter to describe')
    .requiredOption('--tenant <tenant>', 'whose adapters')
    .action(async (name: string | undefined, flags: Flags) =>
      name === undefined ? list(flags, outputOf(flags)) : describe(name, flags, outputOf(flags)),
    );
  shared(adapters.command('delete'))
    .description('delete an adapter with all of its versions and aliases; it cannot be undone')
    .argument('<name>', 'adapter to delete')
    .requiredOption('--tenant <tenant>', 'whose adapter')
    .option('--yes', 'mean it', false)
    .action(async (name: string, flags: Flags & { yes: boolean }) => {
      const store = await openSharedStore(flags);
      if (!flags.yes) {
        const { versions, aliases } = await describeAdapter(store, flags.tenant, name);
        throw new VeneerError(
          'usage',
          `${name} has ${versions.length} versions and the aliases ${Object.keys(aliases).join(', ') || '(none)'}: add --yes to delete it`,
        );
      }
      const deleted = await deleteAdapter(store, flags.tenant, name);
      outputOf(flags).result(
        { tenant: flags.tenant, name, ...deleted },
        `${name} is deleted: ${deleted.versions.length} versions, ${deleted.aliases.length} aliases`,
      );
    });
  shared(adapters.command('gc'))
    .description('remove files that deleted adapters and interrupted pushes left behind')
    .requiredOption('--tenant <tenant>', 'whose files')
    .option('--dry-run', 'only say what would go', false)
    .action(async (flags: Flags & { dryRun: boolean }) => {
      const { tenant, dryRun } = flags;
      const files = await collectOrphans(await openSharedStore(flags), tenant, { dryRun });
      outputOf(flags).result(
        { tenant, dryRun, files },
        ...files,
        `${files.length} files ${dryRun ? 'would be removed' : 'removed'}`,
      );
    });
}

async function list(flags: Flags, output: Output): Promise<void> {
  const adapters = await listAdapters(await openSharedStore(flags), flags.tenant);
  const lines = adapters.map(
    entry => `${entry.name}  ${entry.versions} versions  ${entry.aliases.join(', ')}`,
  );
  output.result({ tenant: flags.tenant, adapters }, ...(lines.length > 0 ? lines : ['no adapters']));
}

async function describe(name: string, flags: Flags, output: Output): Promise<void> {
  const described = await describeAdapter(await openSharedStore(flags), flags.tenant, name);
  output.result(
    { tenant: flags.tenant, ...described },
    ...Object.entries(described.aliases).map(([alias, standing]) => `@${alias} -> ${aliasLine(standing)}`),
    ...described.versions.map(
      ({ digest, task, metrics }) => `sha256:${digest}  ${task}  ${JSON.stringify(metrics.served)}`,
    ),
  );
}

function aliasLine({ digest, updatedAt, canary, shadow }: Alias): string {
  return [
    `sha256:${digest} (${updatedAt})`,
    ...(canary ? [`${canary.percent} % -> sha256:${canary.digest}`] : []),
    ...(shadow === undefined ? [] : [`shadow sha256:${shadow}`]),
  ].join(', ');
}
