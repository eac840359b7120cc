/** Reads the golden files and compares a tokenizer with them. What is in them: golden.py. */
import { existsSync, readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { sha256 } from '../../functions/artifacts/digest.ts';
import { compileTokenizer } from '../../functions/tokenizer/compile.ts';
import type { Tokenizer } from '../../functions/tokenizer/tokenizer.ts';

const file = (name: string) => new URL(`./golden/${name}`, import.meta.url);

export interface Golden {
  source: string;
  sha256: string;
  /** Top-level fields of tokenizer.json that are replaced. */
  patch: Record<string, unknown>;
  /** Ids and type ids of `framed` alone and as a pair, with special tokens. */
  frames?: [ids: number[], typeIds: number[]][];
  rows: [text: string, tokens: number[]][];
}

/** FRAMED of golden.py. */
export const framed = ['How was the flight?', " It wasn't late"] as const;

export function readGolden(name: string): Golden {
  const lines = gunzipSync(readFileSync(file(name)))
    .toString()
    .split('\n');
  return { ...JSON.parse(lines[0]!), rows: lines.slice(1).map(line => JSON.parse(line)) };
}

/** Compiled from the fixture and the patch of a golden file. */
export function compileGolden({ source, sha256: digest, patch }: Golden): Uint8Array {
  const json = readFixture(source);
  if (sha256(json) !== digest) throw new Error(`${source} is not what the golden file was made with`);
  return compileTokenizer(JSON.stringify({ ...JSON.parse(json), ...patch }));
}

export function readFixture(name: string): string {
  return gunzipSync(readFileSync(file(name))).toString();
}

/** The tokenizer.json of a real base, from VENEER_TEST_BASES or the default store's download cache. */
export function readBaseTokenizer(base: string): string | undefined {
  for (const folder of [process.env.VENEER_TEST_BASES, '.veneer/cache', '.veneer/bases']) {
    const path = `${folder}/${base}/tokenizer.json`;
    if (folder && existsSync(path)) return readFileSync(path, 'utf8');
  }
  return undefined;
}

/** Tokens as [id, start, end] with offsets in code points, as in the golden files. */
export function codePointTokens(tokenizer: Tokenizer, text: string): [number, number, number][] {
  const { ids, starts, ends } = tokenizer.encode(text);
  const points = new Map([[0, 0]]);
  let unit = 0;
  for (const character of text) {
    unit += character.length;
    points.set(unit, points.size);
  }
  return Array.from(ids, (id, i) => [id, points.get(starts[i]!) ?? -1, points.get(ends[i]!) ?? -1]);
}

export function goldenTokens(deltas: readonly number[]): [number, number, number][] {
  const tokens: [number, number, number][] = [];
  let start = 0;
  for (let i = 0; i < deltas.length; i += 3) {
    start += deltas[i + 1]!;
    tokens.push([deltas[i]!, start, start + deltas[i + 2]!]);
  }
  return tokens;
}

/** The lines for which the tokenizer differs, each with both answers. */
export function differences(tokenizer: Tokenizer, rows: Golden['rows']) {
  return rows
    .map(([text, deltas]) => ({
      text,
      actual: codePointTokens(tokenizer, text),
      expected: goldenTokens(deltas),
    }))
    .filter(({ actual, expected }) => JSON.stringify(actual) !== JSON.stringify(expected));
}
