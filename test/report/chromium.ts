/** Where a Chromium is, for the tests that look at pages in one. */
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';

export const howToGetIt =
  'no Chromium found: install the package chromium of your system, or set CHROMIUM_PATH to its path';

/** Path of the program, or undefined where there is none. */
export function findChromium(): string | undefined {
  const named = process.env.CHROMIUM_PATH;
  if (named) {
    if (existsSync(named)) return named;
    throw new Error(`CHROMIUM_PATH=${named}: there is no such file`);
  }
  const folders = (process.env.PATH ?? '').split(delimiter);
  const names = ['chromium', 'chromium-browser', 'google-chrome'];
  return names.flatMap(name => folders.map(folder => join(folder, name))).find(path => existsSync(path));
}
