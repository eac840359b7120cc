/** The version that is to be tried beside the one that an alias points to, as a canary or a shadow. */
import type { AdapterReference } from '../../functions/artifacts/names.ts';
import {
  notFound,
  readAlias,
  readManifest,
  resolveReference,
  type StandingAlias,
} from '../../functions/artifacts/versions.ts';
import { VeneerError } from '../../functions/error.ts';
import type { Store } from '../../functions/store/store.ts';

/** @throws VeneerError where it could not answer in the other's place. */
export async function candidateFor(
  store: Store,
  { tenant, reference, alias }: { tenant: string; reference: AdapterReference; alias: string },
): Promise<{ digest: string; standing: StandingAlias }> {
  const { name } = reference;
  const standing = await readAlias(store, { tenant, name, alias });
  if (!standing) throw notFound({ name, alias });
  const digest = await resolveReference(store, tenant, reference);
  if (digest === standing.alias.digest)
    throw new VeneerError(
      'usage',
      `${name}@${alias} points to sha256:${digest} already: there is nothing to try`,
    );
  const [live, candidate] = await Promise.all(
    [standing.alias.digest, digest].map(each => readManifest(store, { tenant, name, digest: each })),
  );
  if (candidate!.task !== live!.task)
    throw new VeneerError(
      'wrong_task',
      `sha256:${digest} serves ${candidate!.task}, and ${name}@${alias} serves ${live!.task}: try a version of the same task`,
    );
  if (candidate!.base.digest !== live!.base.digest)
    throw new VeneerError(
      'digest_mismatch',
      `sha256:${digest} was trained on base ${candidate!.base.name} (digest ${candidate!.base.digest.slice(0, 12)}), and ${name}@${alias} on ${live!.base.name} (digest ${live!.base.digest.slice(0, 12)}): one server has one base`,
    );
  return { digest, standing };
}
