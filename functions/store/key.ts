/** What a store key may be, the same for every store: it must be a safe path, and mean one object on any file system. */
import { VeneerError } from '../error.ts';

/** Lower case only, since some file systems fold case; no leading dot, which is where a directory store keeps its own files. */
const segment = '[a-z0-9][a-z0-9._-]{0,199}';
const keyPattern = new RegExp(`^${segment}(?:/${segment})*$`);
const prefixPattern = new RegExp(`^(?:${segment}/)*(?:${segment})?$`);
const maxLength = 800;

export function isKey(text: string): boolean {
  return text.length <= maxLength && keyPattern.test(text);
}

/** @throws VeneerError `invalid_request` where the text is no key. */
export function checkKey(key: string): string {
  if (isKey(key)) return key;
  throw new VeneerError(
    'invalid_request',
    `${shown(key)} is no store key: write lower-case letters, digits, ".", "_" and "-" in parts joined by "/", at most ${maxLength} characters`,
  );
}

/** A prefix is the beginning of a key: empty, ending in "/", or cut anywhere inside a part. */
export function checkPrefix(prefix: string): string {
  if (prefix.length <= maxLength && prefixPattern.test(prefix)) return prefix;
  throw new VeneerError('invalid_request', `${shown(prefix)} is not the beginning of a store key`);
}

function shown(text: string): string {
  return JSON.stringify(text.length > 160 ? `${text.slice(0, 160)}...` : text);
}
