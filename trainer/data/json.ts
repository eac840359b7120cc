/** JSON.parse whose error names file, line and column on every Node version (V8 gives a position only sometimes). */
import { VeneerError } from '../../functions/error.ts';

/** @param firstLine number of the line that `text` starts on. */
export function parseJson(text: string, file: string, firstLine = 1): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    const before = text.slice(0, firstError(text));
    const line = firstLine + (before.match(/\n/g)?.length ?? 0);
    const column = before.length - before.lastIndexOf('\n');
    throw new VeneerError('invalid_data', `${file}:${line}: not valid JSON at column ${column}`, { cause });
  }
}

/** What a JSON value is, for messages. */
export function jsonType(value: unknown): string {
  return value === null
    ? 'null'
    : Array.isArray(value)
      ? 'an array'
      : `${typeof value === 'object' ? 'an' : 'a'} ${typeof value}`;
}

const scalar = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null/y;
const escaped = /\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})/y;

/** UTF-16 offset of the first place where the text stops being JSON; its length where it only ends too early. */
function firstError(text: string): number {
  const closers: string[] = [];
  let expected: 'value' | 'first value' | 'key' | 'first key' | 'colon' | 'next' = 'value';
  for (let at = 0; ; ) {
    while (/[ \t\n\r]/.test(text.charAt(at))) at++;
    const char = text.charAt(at);
    // One past the token; the complement of an offset where something is wrong there.
    let end = ~at;
    if (expected === 'colon') {
      if (char === ':') end = at + 1;
      expected = 'value';
    } else if (expected === 'next') {
      if (closers.length > 0 && char === closers.at(-1)) {
        closers.pop();
        end = at + 1;
      } else if (closers.length > 0 && char === ',') {
        expected = closers.at(-1) === '}' ? 'key' : 'value';
        end = at + 1;
      }
    } else if ((expected === 'first key' && char === '}') || (expected === 'first value' && char === ']')) {
      closers.pop();
      expected = 'next';
      end = at + 1;
    } else if (expected === 'key' || expected === 'first key') {
      if (char === '"') end = stringEnd(text, at);
      expected = 'colon';
    } else if (char === '{' || char === '[') {
      closers.push(char === '{' ? '}' : ']');
      expected = char === '{' ? 'first key' : 'first value';
      end = at + 1;
    } else {
      scalar.lastIndex = at;
      end = char === '"' ? stringEnd(text, at) : scalar.test(text) ? scalar.lastIndex : ~at;
      expected = 'next';
    }
    if (end < 0) return ~end;
    if (end > text.length) return text.length;
    at = end;
  }
}

/** One past the closing quote; past the text's end where the string is not closed; the complement of a fault's offset. */
function stringEnd(text: string, start: number): number {
  for (let at = start + 1; at < text.length; ) {
    const char = text.charAt(at);
    if (char === '"') return at + 1;
    if (char < ' ') return ~at;
    escaped.lastIndex = at;
    if (char !== '\\') at++;
    else if (escaped.test(text)) at = escaped.lastIndex;
    else return ~at;
  }
  return text.length + 1;
}
