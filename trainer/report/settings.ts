/** What a run was told and what it derived, as one flat list of names and values. */
import type { AdapterManifest } from '../../functions/artifacts/manifests.ts';

/** In the manifest's order; without what it measured and the files it left. */
export function settingsOf(manifest: AdapterManifest): Record<string, string> {
  const { formatVersion: _version, metrics: _metrics, files, labels, training, ...rest } = manifest;
  const { config, ...how } = training;
  return {
    ...flat(rest, ''),
    labels: String(labels.length),
    ...flat(config, ''),
    ...flat(how, ''),
    'adapter bytes': String(files['adapter.safetensors'].bytes),
  };
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
