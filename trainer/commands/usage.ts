/** `usage`: what a tenant used in a month, and one object in place of the many that processes left of it. */
import { type Command, InvalidArgumentError } from 'commander';
import { compactUsage } from '../../functions/usage/compact.ts';
import { Month, monthOf, readDocuments, sumOf } from '../../functions/usage/document.ts';
import { openSharedStore, outputOf, type SharedOptions, shared } from './command.ts';

function parseMonth(text: string): string {
  if (!Month.safeParse(text).success) throw new InvalidArgumentError('It must be a month, e.g. 2027-12.');
  return text;
}

interface Flags extends SharedOptions {
  tenant: string;
  month: string;
}

export function usageCommand(program: Command): void {
  const usage = program.command('usage').description('requests, tokens and windows by tenant and month');
  shared(usage.command('show'))
    .description('sums by adapter, as the servers have written them')
    .requiredOption('--tenant <tenant>', 'whose usage')
    .option('--month <yyyy-mm>', 'UTC; this month, if left out', parseMonth, monthOf(new Date()))
    .action(async (flags: Flags) => {
      const { tenant, month } = flags;
      const documents = await readDocuments(await openSharedStore(flags), { tenant, month });
      const adapters = [...sumOf(documents.values())].map(([name, counts]) => ({ name, ...counts }));
      outputOf(flags).result(
        { tenant, month, adapters },
        ...adapters.map(
          ({ name, requests, tokens, windows }) =>
            `${name}  ${requests} requests  ${tokens} tokens  ${windows} windows`,
        ),
      );
    });
  shared(usage.command('compact'))
    .description('make one object of a month that is over')
    .requiredOption('--tenant <tenant>', 'whose usage')
    .requiredOption('--month <yyyy-mm>', 'a month that ended two days ago or earlier', parseMonth)
    .action(async (flags: Flags) => {
      const { tenant, month } = flags;
      const store = await openSharedStore(flags);
      const { compacted } = await compactUsage(store, { tenant, month, now: new Date() });
      outputOf(flags).result({ tenant, month, compacted }, `${compacted} objects became one`);
    });
}
