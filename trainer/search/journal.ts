/**
 * search.jsonl: what a search is, then an event a line, each on the disk before it is acted on. A line that a kill cut off
 * did not happen.
 */
import { closeSync, fsyncSync, openSync, writeSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { canonicalJson } from '../../functions/artifacts/digest.ts';
import { VeneerError } from '../../functions/error.ts';
import { replaceFile, unwritable } from '../adapter-directory.ts';
import { SearchEvent } from './trials.ts';

const formatVersion = 1;

export interface Journal {
  /** Of the search so far. */
  events: SearchEvent[];
  add(event: SearchEvent): void;
  close(): void;
}

/** @param search What decides a search: compared with what a journal that is there says. */
export async function openJournal(
  path: string,
  { search, resume }: { search: Record<string, unknown>; resume: boolean },
): Promise<Journal> {
  const text = await readFile(path, 'utf8').catch(error => {
    if (error.code === 'ENOENT') return '';
    throw unwritable(path, error);
  });
  const lines = text.split('\n').slice(0, -1);
  if (lines.length > 0 && !resume)
    throw new VeneerError(
      'conflict',
      `${path} is there: go on with that search by --resume, or give another --out`,
    );
  const head = `${JSON.stringify({ kind: 'search', formatVersion, ...search })}\n`;
  const read = lines.map((line, i) => parseLine(line, `${path}:${i + 1}`));
  if (read.length > 0) checkSame(read[0], JSON.parse(head), path);
  const events = read.slice(1).map((value, i) => {
    const parsed = SearchEvent.safeParse(value);
    if (parsed.success) return parsed.data;
    throw new VeneerError('invalid_artifact', `${path}:${i + 2}: no event of a search`);
  });
  const whole = lines.length > 0 ? lines.map(line => `${line}\n`).join('') : head;
  if (whole !== text) await replaceFile(path, Buffer.from(whole));
  const file = openSync(path, 'a');
  return {
    events,
    add(event) {
      try {
        writeSync(file, `${JSON.stringify(event)}\n`);
        fsyncSync(file);
      } catch (error) {
        throw unwritable(path, error);
      }
    },
    close: () => closeSync(file),
  };
}

function parseLine(line: string, where: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    throw new VeneerError('invalid_artifact', `${where}: not a line of JSON`);
  }
}

function checkSame(saved: unknown, now: Record<string, unknown>, path: string): void {
  const then = (saved ?? {}) as Record<string, unknown>;
  const text = (value: unknown) => (value === undefined ? 'not given' : JSON.stringify(value));
  const bytes = (value: unknown) => Buffer.from(canonicalJson(value ?? null)).toString();
  const names = [...new Set([...Object.keys(then), ...Object.keys(now)])];
  const changed = names.filter(name => bytes(then[name]) !== bytes(now[name]));
  if (changed.length === 0) return;
  const list = changed.map(name => `${name} was ${text(then[name])}, is ${text(now[name])}`);
  throw new VeneerError(
    'digest_mismatch',
    `${path}: another search than this: ${list.join('; ')}: bring back what it was, or give another --out`,
  );
}
