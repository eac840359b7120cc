/** Which base to serve where nobody said so. */
import { VeneerError } from '../error.ts';
import type { Store } from '../store/store.ts';

/** @throws VeneerError `not_found` where the store has no base, `usage` where it has several. */
export async function onlyBase(store: Store): Promise<string> {
  const names: string[] = [];
  for await (const key of store.list('bases/')) {
    const name = /^bases\/([^/]+)\/manifest\.json$/.exec(key)?.[1];
    if (name !== undefined) names.push(name);
  }
  const [name] = names;
  if (name === undefined)
    throw new VeneerError('not_found', `${store.url} has no base: run npx trainer pull-base NAME`);
  if (names.length > 1)
    throw new VeneerError(
      'usage',
      `${store.url} has ${names.length} bases (${names.join(', ')}): say which one to serve with --base or VENEER_BASE`,
    );
  return name;
}
