/** `keys`: API keys of tenants. A key is shown once, when it is made. */
import { type Command, InvalidArgumentError } from 'commander';
import { createKey, listKeys, revokeKey } from '../../functions/artifacts/keys.ts';
import { type Rate, type Scope, scopes } from '../../functions/artifacts/manifests.ts';
import { openSharedStore, outputOf, type SharedOptions, shared, whole } from './command.ts';

function parseScopes(text: string): Scope[] {
  const wanted = text.split(',').map(scope => scope.trim());
  const known = scopes.filter(scope => wanted.includes(scope));
  if (known.length !== new Set(wanted).size)
    throw new InvalidArgumentError(`It must be a comma-separated list out of ${scopes.join(',')}.`);
  return known;
}

function parseDate(text: string): Date {
  const date = new Date(text);
  if (Number.isNaN(date.getTime()))
    throw new InvalidArgumentError('It must be a date, e.g. 2027-12-31 or 2027-12-31T12:00:00Z.');
  return date;
}

const perMinute = whole(1, 999_999_999);

interface CreateFlags extends SharedOptions {
  tenant: string;
  scope: Scope[];
  expires?: Date;
  rate?: number;
  tokenRate?: number;
}

function rateOf({ rate, tokenRate }: CreateFlags): Rate | undefined {
  if (rate === undefined && tokenRate === undefined) return undefined;
  return { requestsPerMinute: rate ?? null, tokensPerMinute: tokenRate ?? null };
}

function shownRate(rate: Rate | undefined): string {
  const parts = [
    [rate?.requestsPerMinute, 'requests'],
    [rate?.tokensPerMinute, 'tokens'],
  ] as const;
  return parts.map(([count, unit]) => (count ? `  ${count} ${unit}/min` : '')).join('');
}

export function keysCommand(program: Command): void {
  const keys = program.command('keys').description('create, list and revoke API keys');
  shared(keys.command('create'))
    .description('make a key and show it, once')
    .requiredOption('--tenant <tenant>', 'whose key')
    .option(
      '--scope <list>',
      'what it allows, out of predict,push,admin (admin: all, for every tenant)',
      parseScopes,
      ['predict'],
    )
    .option('--expires <date>', 'when it ends; never, if left out', parseDate)
    .option('--rate <n>', 'requests a minute; what the server gives to every key, if left out', perMinute)
    .option('--token-rate <n>', 'tokens a minute, likewise', perMinute)
    .action(async (flags: CreateFlags) => {
      const store = await openSharedStore(flags);
      const { key, id, record } = await createKey(store, {
        tenant: flags.tenant,
        scopes: flags.scope,
        expiresAt: flags.expires ?? null,
        rate: rateOf(flags),
      });
      outputOf(flags).result({ key, id, ...record }, key);
    });
  shared(keys.command('list'))
    .description('ids, scopes, expiry and rates of a tenant’s keys')
    .requiredOption('--tenant <tenant>', 'whose keys')
    .action(async (flags: SharedOptions & { tenant: string }) => {
      const found = await listKeys(await openSharedStore(flags), flags.tenant);
      outputOf(flags).result(
        { tenant: flags.tenant, keys: found },
        ...found.map(
          ({ id, scopes: granted, expiresAt, rate }) =>
            `${id}  ${granted.join(',')}  ${expiresAt ?? 'never expires'}${shownRate(rate)}`,
        ),
      );
    });
  shared(keys.command('revoke'))
    .description('end a key')
    .argument('<key>', 'the key, or its id')
    .requiredOption('--tenant <tenant>', 'whose key')
    .action(async (idOrKey: string, flags: SharedOptions & { tenant: string }) => {
      await revokeKey(await openSharedStore(flags), { tenant: flags.tenant, idOrKey });
      outputOf(flags).result({ tenant: flags.tenant, revoked: true }, 'revoked');
    });
}
