/** A fresh directory with the given files, removed after the test; and the one-line error of a promise. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { VeneerError } from '../../functions/error.ts';

export async function folderOf(files: { [name: string]: string | Uint8Array }): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'veneer-data-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  for (const [name, content] of Object.entries(files)) await writeFile(join(folder, name), content);
  return folder;
}

/** The message, with the folder's path taken out; fails where it is no VeneerError `invalid_data` of one line. */
export async function faultOf(promise: Promise<unknown>): Promise<string> {
  const error = await promise.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof VeneerError) || error.code !== 'invalid_data' || error.message.includes('\n'))
    throw new Error(`not a one-line invalid_data error: ${error}`);
  return error.message.replaceAll(/\S*veneer-data-[^/:]*\/?/g, '');
}
