/** Adapters that a server loads at its start, as an operator lists them: `tenant/name,tenant/name@alias`. */
import { parseReference, TenantName } from './artifacts/names.ts';
import { VeneerError } from './error.ts';

/** An adapter as it is asked for. */
export interface WantedAdapter {
  tenant: string;
  reference: string;
}

/**
 * @param source What the list was read from, for messages.
 * @throws VeneerError `usage` naming the entry that cannot be right.
 */
export function parseWanted(text: string, source: string): WantedAdapter[] {
  const entries = text.split(',').map(entry => entry.trim());
  return entries.filter(Boolean).map(entry => {
    const slash = entry.indexOf('/');
    const [tenant, reference] = [entry.slice(0, slash), entry.slice(slash + 1)];
    try {
      parseReference(reference);
      if (slash > 0 && TenantName.safeParse(tenant).success) return { tenant, reference };
    } catch {}
    throw new VeneerError(
      'usage',
      `${source} has ${JSON.stringify(entry.slice(0, 160))}: write tenant/name or tenant/name@alias, with commas between`,
    );
  });
}
