/** Which modules a TypeScript source names, read from its tokens: a comment or a text that looks like an import is none. */

/** A specifier, or undefined where an `import()` computes it. */
export type Specifier = string | undefined;

const token = new RegExp(
  [
    /\/\/[^\n]*|\/\*[\s\S]*?\*\//, // comments
    /(?<![\w$)\]}]\s*)\/(?![*/])(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\\n])+\/[a-z]*/, // regular expressions
    /`(?:\\[\s\S]|[^`\\])*`/,
    /'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"/,
    /[\w$#]+/,
    /[^\s\w$#]/,
  ]
    .map(({ source }) => source)
    .join('|'),
  'g',
);

export function readImports(source: string): Specifier[] {
  const tokens = [...source.matchAll(token)].map(([text]) => text).filter(text => !/^\/[/*]/.test(text));
  return tokens.flatMap((text, i) => {
    const [third, second, first] = [tokens[i - 3], tokens[i - 2], tokens[i - 1]];
    const called = third !== '.' && first === '(' && (second === 'import' || second === 'require');
    const named = first === 'from' || first === 'import' || called;
    if (named && isText(text)) return [text.slice(1, -1)];
    if (named && second === 'import' && called) return [undefined];
    return [];
  });
}

function isText(text: string): boolean {
  return /^['"]/.test(text) || (text.startsWith('`') && !text.includes('${'));
}
