/** Finds a key that one JSON object holds twice, which JSON.parse would silently settle in favour of the last. */

const token = /"(?:[^"\\]|\\.)*"|[{}[\]:]/g;

/** `text` must be valid JSON. The first key repeated within one object, or undefined. */
export function repeatedKey(text: string): string | undefined {
  const open: (Set<string> | undefined)[] = [];
  let last = '';
  for (const [lexeme] of text.matchAll(token)) {
    if (lexeme === '{') open.push(new Set());
    else if (lexeme === '[') open.push(undefined);
    else if (lexeme === '}' || lexeme === ']') open.pop();
    else if (lexeme === ':') {
      const key = JSON.parse(last) as string;
      const keys = open.at(-1);
      if (keys?.has(key)) return key;
      keys?.add(key);
    }
    last = lexeme;
  }
  return undefined;
}
