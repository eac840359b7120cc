/** From a store's URL to the store. The AWS SDK is loaded only where the URL asks for it. */
import { stat } from 'node:fs/promises';
import { VeneerError } from '../error.ts';
import { openDirectoryStore } from './directory.ts';
import type { Store } from './store.ts';

export const s3Url = /^s3:\/\/([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])((?:\/[A-Za-z0-9_-][A-Za-z0-9._-]*)*)\/?$/;

/** @throws VeneerError `usage` where the URL is neither `file:<directory>` nor `s3://<bucket>/<prefix>`. */
export async function openStore(url: string): Promise<Store> {
  const directory = /^file:(?:\/\/(?=\/))?((?!\/\/).+)$/.exec(url)?.[1];
  if (directory !== undefined && !directory.includes('\0')) {
    const standing = await stat(directory).catch(() => undefined);
    if (standing && !standing.isDirectory())
      throw new VeneerError('usage', `${url}: is a file, not a directory`);
    return openDirectoryStore(directory);
  }
  const [, bucket, path] = s3Url.exec(url) ?? [];
  if (bucket !== undefined) {
    const prefix = path?.slice(1) ?? '';
    const { openS3 } = await import('./plain-s3.ts');
    return openS3({ bucket, prefix });
  }
  throw new VeneerError(
    'usage',
    `${JSON.stringify(url)} is no store: write file:DIRECTORY or s3://BUCKET/PREFIX`,
  );
}
