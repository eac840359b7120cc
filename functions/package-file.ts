/** Files of this repository by their path in it, whether the code runs from dist/ or, in tests, from its source. */
const url = import.meta.url;

export function packageFile(path: string): URL {
  const root = url.slice(0, url.lastIndexOf(url.endsWith('.ts') ? '/functions/' : '/dist/'));
  return new URL(`${root}/${path}`);
}
