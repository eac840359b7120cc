/** What every command shares: the store option, machine-readable output, and number options that name their range. */
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { type Command, InvalidArgumentError } from 'commander';
import { openStore } from '../../functions/store/open.ts';
import type { Store } from '../../functions/store/store.ts';

export interface SharedOptions {
  store: string;
  json: boolean;
}

/** Adds `--store` and `--json`. */
export function shared(command: Command): Command {
  return command
    .option(
      '--store <url>',
      'file:<directory> or s3://<bucket>/<prefix>',
      process.env.VENEER_STORE || 'file:.veneer',
    )
    .option('--json', 'print one JSON line at the end, messages on stderr', false);
}

export function openSharedStore({ store }: SharedOptions): Promise<Store> {
  return openStore(store);
}

/** Where files of a remote store are kept. */
export const cacheDir =
  process.env.VENEER_CACHE_DIR ||
  join(process.env.XDG_CACHE_HOME || join(process.env.HOME || '.', '.cache'), 'veneer');

export const defaultThreads = availableParallelism();

export interface Output {
  /** A line for the person who watches. */
  log(line: string): void;
  /** The result: one JSON line with --json, else the lines for people. */
  result(value: object, ...lines: string[]): void;
}

export function outputOf({ json }: { json: boolean }): Output {
  const log = (line: string) => (json ? process.stderr : process.stdout).write(`${line}\n`);
  return {
    log,
    result(value, ...lines) {
      if (json) process.stdout.write(`${JSON.stringify(value)}\n`);
      else for (const line of lines) log(line);
    },
  };
}

interface Range {
  min: number;
  max: number;
  /** Whether `min` itself is too small. */
  exclusive?: boolean;
}

function parseNumber(text: string, { min, max, exclusive = false }: Range, whole: boolean): number {
  const value = text.trim() === '' ? Number.NaN : Number(text);
  const fits =
    value <= max && (exclusive ? value > min : value >= min) && (!whole || Number.isInteger(value));
  if (!fits)
    throw new InvalidArgumentError(
      `It must be ${whole ? 'a whole number' : 'a number'} ${exclusive ? 'above' : 'from'} ${min} ${exclusive ? 'and at most' : 'to'} ${max}.`,
    );
  return value;
}

export const whole = (min: number, max: number) => (text: string) => parseNumber(text, { min, max }, true);
export const real =
  (min: number, max: number, exclusive = false) =>
  (text: string) =>
    parseNumber(text, { min, max, exclusive }, false);
