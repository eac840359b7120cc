/** Pages in a real Chromium: on a phone and on a desk, in light and in dark, without a network. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { type Browser, chromium, type Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { findChromium, howToGetIt } from './chromium.ts';
import { contrastFaults, outlineFaults, overflowing } from './page-checks.ts';
import { examplePages } from './pages.ts';

const executablePath = findChromium();
if (!executablePath) console.warn(`tests in a browser skipped: ${howToGetIt}`);

const pages = await examplePages();
const cases = Object.keys(pages).flatMap(name => [360, 1280].map(width => ({ name, width })));
const grounds = { light: 'rgb(246, 247, 249)', dark: 'rgb(17, 21, 27)' };

describe.skipIf(!executablePath)('in Chromium', () => {
  let browser: Browser;
  let folder: string;
  beforeAll(async () => {
    browser = await chromium.launch({ executablePath: executablePath!, args: ['--no-sandbox'] });
    folder = await mkdtemp(join(tmpdir(), 'veneer-report-'));
  });
  afterAll(async () => {
    await browser?.close();
    if (folder) await rm(folder, { recursive: true, force: true });
  });

  /** Opens a page and tells of everything it asked for and said. */
  async function open(html: string, width = 1280) {
    const file = join(folder, 'page.html');
    await writeFile(file, html);
    const context = await browser.newContext({ viewport: { width, height: 800 }, offline: true });
    const page = await context.newPage();
    const said: string[] = [];
    page.on('console', message => said.push(message.text()));
    page.on('pageerror', error => said.push(String(error)));
    page.on('dialog', dialog => {
      said.push(`dialog ${dialog.message()}`);
      void dialog.dismiss();
    });
    page.on('request', request => {
      if (request.url() !== pathToFileURL(file).href) said.push(`request ${request.url()}`);
    });
    await page.goto(pathToFileURL(file).href);
    return { page, said, close: () => context.close() };
  }

  const backgroundOf = (page: Page) => page.evaluate('getComputedStyle(document.body).backgroundColor');

  test.each(cases)('$name, $width wide', async ({ name, width }) => {
    const { page, said, close } = await open(pages[name]!, width);
    try {
      expect(await page.evaluate(outlineFaults)).toEqual([]);
      for (const section of await page.$$('section'))
        expect((await section.boundingBox())!.height).toBeGreaterThan(60);
      expect(await page.evaluate(overflowing)).toEqual([]);
      // What is folded away is held to the same.
      for (const summary of await page.$$('summary')) await summary.click();
      expect(await page.evaluate(overflowing)).toEqual([]);
      for (const colorScheme of ['light', 'dark'] as const) {
        await page.emulateMedia({ colorScheme });
        expect(await backgroundOf(page)).toBe(grounds[colorScheme]);
        expect(await page.evaluate(contrastFaults), colorScheme).toEqual([]);
      }
      expect(said).toEqual([]);
    } finally {
      await close();
    }
  });

  test('the plots have lines and bars within their frames, and text that a phone shows large enough', async () => {
    const { page, close } = await open(pages['a few labels']!, 360);
    try {
      for (const plot of await page.$$('svg.plot')) {
        const box = (await plot.boundingBox())!;
        expect(box.width).toBeGreaterThan(280);
        const shapes = await plot.$$('path, rect');
        expect(shapes.length).toBeGreaterThan(0);
        for (const shape of shapes) {
          const inner = (await shape.boundingBox())!;
          expect(inner.x).toBeGreaterThan(box.x - 1);
          expect(inner.x + inner.width).toBeLessThan(box.x + box.width + 1);
        }
        for (const text of await plot.$$('text'))
          expect((await text.boundingBox())!.height).toBeGreaterThan(8);
      }
    } finally {
      await close();
    }
  });

  test('the policy stops a script and a picture that got in all the same', async () => {
    const inside = '<script>document.title = "ran"</script><img src="http://127.0.0.1:9/x"><p onclick="">';
    const { page, said, close } = await open(pages['a few labels']!.replace('<main>', `<main>${inside}`));
    try {
      expect(await page.title()).toBe('classification');
      expect(said.join('\n')).toMatch(/Content Security Policy/);
    } finally {
      await close();
    }
  });

  test('the checks see what they look for', async () => {
    const bad = `<h1>a</h1><h3>b</h3><svg role="img"></svg><p style="width:2000px">wide</p>
      <p style="color:#999;background:#aaa">pale</p>`;
    const { page, close } = await open(`<!doctype html><html><body>${bad}</body></html>`);
    try {
      expect(await page.evaluate(overflowing)).toEqual([expect.stringMatching(/^p /)]);
      expect(await page.evaluate(outlineFaults)).toEqual([
        'no language',
        'h3 after h1: b',
        'an image without a name',
      ]);
      expect(await page.evaluate(contrastFaults)).toEqual([expect.stringMatching(/^1\.\d+: pale$/)]);
    } finally {
      await close();
    }
  });
});
