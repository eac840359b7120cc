/** The playground and the documentation in a real Chromium, over a live server with an adapter of each task. */
import { type Browser, chromium, type Page, type Request } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type PipelineServer, post, startPipelineServer } from '../golden/pipelines-server.ts';
import { findChromium, howToGetIt } from '../report/chromium.ts';
import { contrastFaults, outlineFaults, overflowing } from '../report/page-checks.ts';

const executablePath = findChromium();
if (!executablePath) console.warn(`tests in a browser skipped: ${howToGetIt}`);

const text = '😀 Mara lives in Lisbon, and José works in Oslo.\nJonas bought it from Mara.';
const question = 'Where is Mara?';
// As text, since tests are checked without the types of a browser.
const pieces = `Array.from(document.querySelectorAll('mark'), ({ childNodes }) => Array.from(childNodes, node => node.textContent))`;
const unlabelled = `(() => {
  const box = document.querySelector('.marked').cloneNode(true);
  for (const label of box.querySelectorAll('small')) label.remove();
  return box.textContent;
})()`;
const lengthBefore = `document.querySelector('mark').previousSibling?.textContent.length ?? 0`;
const unnamedFields = `Array.from(document.querySelectorAll('input, select, textarea'))
  .filter(field => !field.labels[0]?.textContent)
  .map(field => field.id)`;

type Task = 'classification' | 'sequence-labeling' | 'question-answering';

describe.skipIf(!executablePath)('in Chromium', () => {
  let server: PipelineServer;
  let browser: Browser;
  beforeAll(async () => {
    server = await startPipelineServer('wordpiece');
    browser = await chromium.launch({ executablePath: executablePath!, args: ['--no-sandbox'] });
  });
  afterAll(async () => {
    await browser?.close();
    await server?.close();
  });

  /** Opens a page and keeps what it said and asked for; at the end nothing may be amiss. */
  async function onPage(
    path: string,
    { width = 1280, expected = [] as RegExp[] },
    act: (page: Page, requests: Request[]) => Promise<void>,
  ) {
    const context = await browser.newContext({ viewport: { width, height: 800 } });
    try {
      const page = await context.newPage();
      const said: string[] = [];
      const requests: Request[] = [];
      page.on('console', message => said.push(message.text()));
      page.on('pageerror', error => said.push(String(error)));
      page.on('dialog', dialog => {
        said.push(`dialog ${dialog.message()}`);
        void dialog.dismiss();
      });
      page.on('request', request => requests.push(request));
      await page.goto(`${server.url}${path}`);
      await act(page, requests);
      const elsewhere = requests.filter(request => !/^(data:|http:\/\/127\.0\.0\.1:)/.test(request.url()));
      expect(elsewhere.map(request => request.url())).toEqual([]);
      expect(said.filter(line => !expected.some(pattern => pattern.test(line)))).toEqual([]);
    } finally {
      await context.close();
    }
  }

  async function useKey(page: Page, key = server.key) {
    await page.getByLabel('API key').fill(key);
    await page.getByRole('button', { name: 'Use key' }).click();
  }

  async function pick(page: Page, task: Task) {
    await page.getByLabel('Adapter').selectOption(task);
    const note = {
      classification: 'Classification',
      'sequence-labeling': 'Sequence',
      'question-answering': 'Question',
    };
    await page.locator('#adapter-note', { hasText: note[task] }).waitFor();
  }

  async function ask(page: Page, task: Task, asked = text) {
    await pick(page, task);
    if (task === 'question-answering') {
      await page.getByLabel('Question', { exact: true }).fill(question);
      await page.getByLabel('Passage').fill(asked);
    } else await page.getByLabel('Text', { exact: true }).fill(asked);
    await page.getByRole('button', { name: 'Ask' }).click();
    await page.locator('#answer:visible').waitFor();
  }

  const plain = async (task: Task, inputs: unknown, parameters = {}) => {
    const utf16 = { offset_encoding: 'utf16', ...parameters };
    const { body, headers } = await post(server, `/v1/${task}`, { model: task, inputs, parameters: utf16 });
    // biome-ignore lint/suspicious/noExplicitAny: an answer of the API, compared with what the page shows
    return { answer: body as any, digest: headers.get('x-adapter-digest')! };
  };

  test('labels have bars in the order of their scores, as wide as they are', async () => {
    await onPage('/playground', {}, async page => {
      await useKey(page);
      await ask(page, 'classification');
      const { answer, digest } = await plain('classification', text);
      const scores: { label: string; score: number }[] = answer.outputs[0].scores;
      const bars = page.locator('.bars li');
      expect(await bars.count()).toBe(scores.length);
      expect(answer.outputs[0].labels).toEqual([scores[0]!.label]);
      for (const [i, { label, score }] of scores.entries()) {
        expect(await bars.nth(i).textContent()).toBe(
          `${label}${i === 0 ? ' ✓' : ''}${(100 * score).toFixed(1)} %`,
        );
        const [track, fill] = ['.track', '.fill'].map(part => bars.nth(i).locator(part));
        await expect
          .poll(async () => (await fill!.boundingBox())!.width / (await track!.boundingBox())!.width)
          .toBeCloseTo(Math.max(score, 2 / (await track!.boundingBox())!.width), 2);
      }
      expect(await page.locator('#digest').textContent()).toBe(digest);
      expect(await page.getByRole('status').textContent()).toMatch(scores[0]!.label);
      const facts = await page.locator('#facts').textContent();
      expect(facts).toMatch(/Round trip\d+ ms/);
      expect(facts).toMatch(new RegExp(`Tokens${answer.usage.tokens}Windows${answer.usage.windows[0]}$`));
    });
  });

  test('of several labels those given are ticked, and a number that was predicted is a number', async () => {
    await onPage('/playground', {}, async page => {
      let problem = 'multi-label';
      let output: object = {};
      await page.route('**/v1/adapters/classification', async route => {
        const adapter = await (await route.fetch()).json();
        adapter.versions[0].problem = problem;
        await route.fulfill({ json: adapter });
      });
      await page.route('**/v1/classification', async route => {
        const answer = await (await route.fetch()).json();
        await route.fulfill({ json: { ...answer, outputs: [output] } });
      });
      const scores = ['a', 'b', 'c'].map((label, i) => ({ label, score: 0.9 - 0.3 * i }));
      output = { ...scores[0], scores, labels: ['a', 'b'] };
      await useKey(page);
      await ask(page, 'classification');
      expect(await page.locator('.bars .name').allTextContents()).toEqual([
        'a ✓90.0 %',
        'b ✓60.0 %',
        'c30.0 %',
      ]);
      output = { ...scores[0], scores, labels: [] };
      await page.getByRole('button', { name: 'Ask' }).click();
      await page.getByText('No label is likely enough').waitFor();
      problem = 'regression';
      output = { label: 'LABEL_0', score: -1234.5678, scores: [], labels: [] };
      await pick(page, 'sequence-labeling');
      await ask(page, 'classification');
      expect(await page.locator('.answer').textContent()).toBe('-1234.57');
    });
  });

  test('a second text is asked as well', async () => {
    await onPage('/playground', {}, async (page, requests) => {
      await useKey(page);
      await pick(page, 'classification');
      await page.getByLabel('Second text').fill('it is late');
      await ask(page, 'classification');
      const sent = requests.findLast(request => request.method() === 'POST')!.postDataJSON();
      expect(sent.inputs).toEqual({ text, text_pair: 'it is late' });
    });
  });

  test('entities are marked in place, behind characters of two units and over line ends', async () => {
    await onPage('/playground', {}, async page => {
      await useKey(page);
      await ask(page, 'sequence-labeling');
      const { answer } = await plain('sequence-labeling', text);
      const entities: { word: string; entity_group: string }[] = answer.outputs[0].entities;
      expect(entities.length).toBeGreaterThan(2);
      const marks = await page.evaluate(pieces);
      expect(marks).toEqual(entities.map(({ word, entity_group }) => [word, entity_group]));
      expect(await page.evaluate(unlabelled)).toBe(text);
    });
  });

  test('the answer is marked in its passage of several windows, and each of the others when it is chosen', async () => {
    await onPage('/playground', {}, async page => {
      const context = `${text} `.repeat(3);
      await useKey(page);
      await ask(page, 'question-answering', context);
      const { answer } = await plain('question-answering', { question, context }, { top_k: 3 });
      expect(answer.usage.windows[0]).toBeGreaterThan(2);
      expect(await page.locator('#facts').textContent()).toMatch(
        new RegExp(`Windows${answer.usage.windows[0]}$`),
      );
      const answers: { answer: string; start: number; end: number }[] = answer.outputs[0].answers;
      expect(answers).toHaveLength(3);
      for (const [i, { answer: expected, start }] of answers.entries()) {
        const choice = page.locator('.choice').nth(i);
        await choice.click();
        expect(await choice.getAttribute('aria-pressed')).toBe('true');
        const mark = page.locator('mark');
        expect(await mark.textContent()).toBe(expected);
        const before = await page.evaluate(lengthBefore);
        expect(before).toBe(start);
      }
    });
  });

  test('a conversation is sent in turns, and the answer marked in the turn that has it', async () => {
    await onPage('/playground', {}, async (page, requests) => {
      const turns = [
        { speaker: 'Mara', text: '😀 I live in Lisbon, and José works in Oslo.\nIt is 10:30 there.' },
        { speaker: 'the agent', text: 'Jonas bought it from Mara.' },
        { speaker: 'Mara', text: '' },
      ];
      const lines = turns.map(turn => `${turn.speaker}: ${turn.text}`).join('\n');
      await useKey(page);
      await pick(page, 'question-answering');
      await page.getByLabel('Question', { exact: true }).fill(question);
      await page.getByLabel('Answer in').selectOption('a conversation');
      await page.getByLabel('Conversation').fill(lines);
      await page.getByRole('button', { name: 'Ask' }).click();
      await page.locator('#answer:visible').waitFor();
      const sent = requests.findLast(request => request.method() === 'POST')!.postDataJSON();
      expect(sent.inputs).toEqual({ question, context: turns });
      const { answer } = await plain('question-answering', { question, context: turns }, { top_k: 3 });
      const answers: { answer: string; start: number; turn?: number }[] = answer.outputs[0].answers;
      expect(answers.filter(({ turn }) => turn !== undefined).length).toBeGreaterThan(1);
      for (const [i, { answer: expected, start, turn }] of answers.entries()) {
        await page.locator('.choice').nth(i).click();
        const marks = page.locator('mark');
        expect(await marks.allTextContents()).toEqual(expected === '' ? [] : [expected]);
        if (turn === undefined) continue;
        expect(await page.locator('.turn').nth(turn).locator('mark').count()).toBe(1);
        const { speaker } = turns[turn]!;
        const shown = await page.locator('.turn').nth(turn).textContent();
        expect(shown).toBe(speaker + turns[turn]!.text);
        expect(shown!.slice(speaker.length + start).startsWith(expected)).toBe(true);
      }
      expect(await page.locator('.turn').count()).toBe(turns.length);
    });
  });

  test('a conversation without speakers is not sent, and a passage is again', async () => {
    await onPage('/playground', {}, async (page, requests) => {
      await useKey(page);
      await pick(page, 'question-answering');
      await page.getByLabel('Question', { exact: true }).fill(question);
      await page.getByLabel('Passage').fill(text);
      await page.getByLabel('Answer in').selectOption('a conversation');
      expect(await page.evaluate("document.getElementById('text').validationMessage")).toContain('speaker');
      await page.getByRole('button', { name: 'Ask' }).click();
      expect(requests.filter(request => request.method() === 'POST')).toEqual([]);
      await page.getByLabel('Answer in').selectOption('a passage');
      await page.getByRole('button', { name: 'Ask' }).click();
      await page.locator('#answer:visible').waitFor();
      const sent = requests.findLast(request => request.method() === 'POST')!.postDataJSON();
      expect(sent.inputs.context).toBe(text);
    });
  });

  test('a key, an adapter and a text are given without a mouse', async () => {
    await onPage('/playground', {}, async page => {
      const { keyboard } = page;
      await keyboard.press('Tab');
      expect(await page.evaluate('document.activeElement.textContent')).toBe('API documentation');
      await keyboard.press('Tab');
      await keyboard.type(server.key);
      await keyboard.press('Enter');
      await page.locator('#ask:visible').waitFor();
      // Past the button that forgets the key.
      const focused = () => page.evaluate<string>('document.activeElement.id');
      for (let presses = 0; presses < 4 && (await focused()) !== 'adapter'; presses++)
        await keyboard.press('Tab');
      expect(await focused()).toBe('adapter');
      await keyboard.type('seq');
      await page.locator('#adapter-note', { hasText: 'Sequence' }).waitFor();
      await keyboard.press('Tab');
      expect(await focused()).toBe('text');
      await keyboard.type('Mara lives in Lisbon');
      await keyboard.press('Control+Enter');
      await page.locator('mark').first().waitFor();
      const reached: unknown[] = [];
      for (let presses = 0; presses < 6; presses++) {
        reached.push(
          await page.evaluate('document.activeElement.className || document.activeElement.tagName'),
        );
        await keyboard.press('Tab');
      }
      expect(reached).toEqual(expect.arrayContaining(['TEXTAREA', 'main', 'marked', 'SUMMARY']));
    });
  });

  test('the key is kept for this tab alone, and can be forgotten', async () => {
    await onPage('/playground', {}, async (page, requests) => {
      await useKey(page);
      await page.locator('#ask:visible').waitFor();
      const kept = () =>
        page.evaluate('[Object.values(sessionStorage), Object.values(localStorage), document.cookie]');
      expect(await kept()).toEqual([[server.key], [], '']);
      expect(await page.locator('#key-used').textContent()).toBe('vn_acme_…');
      expect(await page.content()).not.toContain(server.key.slice('vn_acme_'.length).slice(0, 8));
      await page.reload();
      await page.locator('#ask:visible').waitFor();
      await page.getByRole('button', { name: 'Forget key' }).click();
      expect(await kept()).toEqual([[], [], '']);
      expect(await page.locator('#ask').isVisible()).toBe(false);
      expect(requests.filter(request => request.url().includes(server.key))).toEqual([]);
    });
  });

  const failed = [/^Failed to load resource/];

  test('a key that is not good is refused in words, and asked for again', async () => {
    await onPage('/playground', { expected: failed }, async page => {
      await useKey(page, `vn_acme_${'x'.repeat(43)}`);
      await page.getByRole('alert').getByText('This key is not accepted').waitFor();
      expect(await page.evaluate('[document.activeElement.id, sessionStorage.length]')).toEqual(['key', 0]);
      await useKey(page);
      await page.locator('#ask:visible').waitFor();
      expect(await page.getByRole('alert').textContent()).toBe('');
    });
  });

  test.each([
    [404, {}, 'There is no such adapter'],
    [429, { 'retry-after': '7' }, 'Try again in 7 s.'],
    [503, {}, 'Not available at the moment'],
    [500, {}, 'Something went wrong on the server'],
  ])('an answer of %i is said in words, and the next one is shown', async (status, more, words) => {
    await onPage('/playground', { expected: failed }, async page => {
      await useKey(page);
      await ask(page, 'classification');
      const headers = { ...more, 'x-request-id': 'request-1', 'content-type': 'application/problem+json' };
      const body = JSON.stringify({ status, title: 'Title', detail: '<b>detail</b>', code: 'code' });
      await page.route('**/v1/classification', route => route.fulfill({ status, headers, body }));
      await page.getByRole('button', { name: 'Ask' }).click();
      const alert = page.getByRole('alert');
      await alert.getByText(words).waitFor();
      expect(await alert.textContent()).toContain('<b>detail</b>');
      expect(await alert.textContent()).toContain('request-1');
      expect(await page.locator('#answer').isVisible()).toBe(false);
      await page.unroute('**/v1/classification');
      await page.getByRole('button', { name: 'Ask' }).click();
      await page.locator('.bars').waitFor();
      expect(await alert.textContent()).toBe('');
    });
  });

  test('a server that is gone, and a key without adapters, are said in words', async () => {
    await onPage('/playground', { expected: failed }, async page => {
      await page.route('**/v1/adapters', route => route.abort());
      await useKey(page);
      await page.getByRole('alert').getByText('The server cannot be reached').waitFor();
      await page.route('**/v1/adapters', route => route.fulfill({ json: { adapters: [] } }));
      await useKey(page);
      await page.getByText('This key has no adapter yet').waitFor();
      expect(await page.locator('#ask').isVisible()).toBe(false);
    });
  });

  test('markup in a text is text', async () => {
    await onPage('/playground', {}, async page => {
      const evil = '<img src=x onerror=alert(1)> Mara </div><script>alert(2)</script> lives in Lisbon';
      await useKey(page);
      for (const task of ['sequence-labeling', 'question-answering'] as const) {
        await ask(page, task, evil);
        expect(await page.locator('#shown img, #shown script').count()).toBe(0);
        expect(await page.evaluate(unlabelled)).toBe(evil);
      }
    });
  });

  test.each([360, 1280])(
    'nothing sticks out, is pale or lacks a name, %i wide, in light and dark',
    async width => {
      await onPage('/playground', { width }, async page => {
        const check = async () => {
          expect(await page.evaluate(outlineFaults)).toEqual([]);
          expect(await page.evaluate(overflowing)).toEqual([]);
          for (const colorScheme of ['light', 'dark'] as const) {
            await page.emulateMedia({ colorScheme });
            expect(await page.evaluate(contrastFaults), colorScheme).toEqual([]);
          }
          expect(await page.evaluate(unnamedFields)).toEqual([]);
        };
        await check();
        await useKey(page);
        for (const task of ['classification', 'sequence-labeling', 'question-answering'] as const) {
          await ask(page, task, `${text} ${'x'.repeat(200)}`);
          if (!(await page.locator('#json').isVisible())) await page.locator('summary').click();
          await check();
        }
        await page.getByLabel('Answer in').selectOption('a conversation');
        await page.getByLabel('Conversation').fill(`agent: ${text} ${'x'.repeat(200)}`);
        await page.getByRole('button', { name: 'Ask' }).click();
        await page.locator('.turn').waitFor();
        await check();
      });
    },
  );

  test('the documentation shows every route, from this server alone, and asks one', async () => {
    await onPage('/docs', {}, async (page, requests) => {
      await page.locator('.opblock').first().waitFor();
      const { paths } = (await (await fetch(`${server.url}/openapi.json`)).json()) as {
        paths: Record<string, object>;
      };
      const operations = Object.values(paths).flatMap(methods => Object.keys(methods));
      expect(await page.locator('.opblock').count()).toBe(operations.length);
      await page.locator('#operations-operation-get_healthz .opblock-summary-control').click();
      await page.getByRole('button', { name: 'Execute' }).click();
      await page.locator('.live-responses-table .response-col_status', { hasText: '200' }).waitFor();
      expect(requests.some(request => request.url() === `${server.url}/healthz`)).toBe(true);
    });
  });
});
