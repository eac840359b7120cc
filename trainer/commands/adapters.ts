/** `adapters`: what a tenant has in the store. */
import type { Command } from 'commander';
import { describeAdapter, listAdapters } from '../../functions/artifacts/versions.ts';
import { openSharedStore, outputOf, type SharedOptions, shared } from './command.ts';

export function adaptersCommand(program: Command): void {
  shared(program.command('adapters'))
    .description('list a tenant’s adapters, or the versions and aliases of one')
    .argument('[name]', 'adapter to describe')
    .requiredOption('--tenant <tenant>', 'whose adapters')
    .action(async (name: string | undefined, flags: SharedOptions & { tenant: string }) => {
      const output = outputOf(flags);
      const store = await openSharedStore(flags);
      if (name === undefined) {
        const adapters = await listAdapters(store, flags.tenant);
        const lines = adapters.map(
          entry => `${entry.name}  ${entry.versions} versions  ${entry.aliases.join(', ')}`,
        );
        output.result({ tenant: flags.tenant, adapters }, ...(lines.length > 0 ? lines : ['no adapters']));
        return;
      }
      const described = await describeAdapter(store, flags.tenant, name);
      output.result(
        { tenant: flags.tenant, ...described },
        ...Object.entries(described.aliases).map(
          ([alias, { digest, updatedAt }]) => `@${alias} -> sha256:${digest} (${updatedAt})`,
        ),
        ...described.versions.map(
          ({ digest, task, metrics }) => `sha256:${digest}  ${task}  ${JSON.stringify(metrics.served)}`,
        ),
      );
    });
}
