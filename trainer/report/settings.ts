/** What a run was told and what it derived, as one flat list of names and values. */
import type { AdapterManifest } from '../../functions/artifacts/manifests.ts';
import type { RunManifest } from '../run-directory.ts';

/** In the manifest's order; without what it measured and the files it left. */
export function settingsOf(manifest: AdapterManifest | RunManifest): Record<string, string> {
  const { formatVersion: _version, metrics: _metrics, files, labels, training, ...rest } = manifest;
  const { config, ...how } = training;
  return {
    ...flat(rest, ''),
    labels: String(labels.length),
    ...flat(config, ''),
    ...flat(how, ''),
    'adapter bytes': String(Object.values(files)[0]!.bytes),
  };
}

/** In the order in which they first come; what one has and another has not is one of them. */
export function differingNames(settings: readonly Record<string, string>[]): string[] {
  const names = new Set(settings.flatMap(Object.keys));
  names.delete('adapter bytes');
  return [...names].filter(name => new Set(settings.map(values => values[name] ?? '')).size > 1);
}

/** Of each, the settings that are not the same in all; none of one that is not known. */
export function differingSettings(
  manifests: readonly (AdapterManifest | RunManifest | undefined)[],
): Record<string, string>[] {
  const settings = manifests.map(manifest => (manifest ? settingsOf(manifest) : {}));
  const differing = differingNames(settings.filter((_, i) => manifests[i] !== undefined));
  return settings.map(values =>
    Object.fromEntries(differing.flatMap(name => (name in values ? [[name, values[name]!]] : []))),
  );
}

function flat(value: object, path: string): Record<string, string> {
  const settings: Record<string, string> = {};
  for (const [key, field] of Object.entries(value)) {
    const name = path === '' ? words(key) : `${path} ${words(key)}`;
    if (Array.isArray(field)) settings[name] = field.map(String).join(', ');
    else if (field !== null && typeof field === 'object') Object.assign(settings, flat(field, name));
    else settings[name] = shortened(String(field));
  }
  return settings;
}

/** `learningRate` -> `learning rate`. */
const words = (key: string) => key.replace(/(?<=[a-z])[A-Z]/g, letter => ` ${letter.toLowerCase()}`);

/** The head of a digest says as much, and fits. */
const shortened = (text: string) => (/^[0-9a-f]{64}$/.test(text) ? text.slice(0, 12) : text);
