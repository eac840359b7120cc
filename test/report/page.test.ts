/** What a page holds, read as an HTML parser reads it. How it looks is browser.test.ts's. */
import { parseHTML } from 'linkedom';
import { beforeAll, describe, expect, test } from 'vitest';
import { examplePages, hostile } from './pages.ts';

let pages: Record<string, string>;
const documentOf = (name: string) => parseHTML(pages[name]!).document;
beforeAll(async () => {
  pages = await examplePages();
});

describe('a page', () => {
  test('has no element and no attribute that could run or load something', () => {
    for (const [name, page] of Object.entries(pages)) {
      const { document } = parseHTML(page);
      const loading = 'script,link,img,iframe,object,embed,form,base,video,audio,image,use,foreignObject';
      expect(document.querySelectorAll(loading).length, name).toBe(0);
      for (const element of document.querySelectorAll('*'))
        for (const { name: attribute, value } of [...element.attributes]) {
          expect(attribute, name).not.toMatch(/^on|^style$|^src|^xlink/);
          if (attribute === 'href') expect(value).toMatch(/^#[a-z]+$/);
        }
      expect(document.querySelectorAll('style').length, name).toBe(1);
      expect(document.querySelector('style')!.textContent).not.toMatch(/url\(|@import/);
    }
  });

  test('shows markup in labels, texts and names as text', () => {
    const document = documentOf('labels that are markup');
    expect(document.querySelector('h1')!.textContent).toBe(hostile[0]);
    expect(document.title).toBe(hostile[0]);
    const headers = [...document.querySelectorAll('#confusion tbody th')].map(cell => cell.textContent);
    expect(headers).toEqual([...hostile].sort());
    for (const text of hostile)
      expect(document.querySelector('#mistakes')!.textContent).toContain(text.slice(0, 200));
  });

  test('has a policy that allows its own style sheet and nothing else', () => {
    const policies = Object.values(pages).map(page =>
      parseHTML(page)
        .document.querySelector('meta[http-equiv=Content-Security-Policy]')!
        .getAttribute('content'),
    );
    expect(new Set(policies).size).toBe(1);
    expect(policies[0]).toMatch(
      /^default-src 'none'; style-src 'sha256-[\w+/]{43}='; base-uri 'none'; form-action 'none'$/,
    );
  });

  test('stays small', () => {
    for (const page of Object.values(pages)) expect(page.length).toBeLessThan(400_000);
  });
});

test('a report names its data, scores and settings', () => {
  const document = documentOf('a few labels');
  expect(document.querySelector('.lead')!.textContent).toBe(
    'Classification on tiny, scored as served on 200 examples of classification.',
  );
  const figures = [...document.querySelectorAll('.figures div')].map(figure => figure.textContent);
  expect(figures[0]).toBe('Accuracy50.0\u00a0%');
  expect(figures).toContain('Examples200');
  expect(document.querySelector('#settings')!.textContent).toContain('lora target modulesq, v');
});

test('a matrix has a row and a column a label, and counts every example', () => {
  const cells = [...documentOf('a few labels').querySelectorAll('#confusion tbody td')];
  expect(cells.length).toBe(9);
  expect(cells.reduce((sum, cell) => sum + Number(cell.textContent), 0)).toBe(200);
});

test('of 77 labels the most frequent confusions are shown in place of a matrix', () => {
  const rows = documentOf('more labels than a matrix shows').querySelectorAll('#confusion tbody tr');
  expect(rows.length).toBe(30);
});

test('at most fifty of the worst examples are shown, and how many there are is said', () => {
  const document = documentOf('a few labels');
  expect(document.querySelectorAll('.examples li').length).toBe(50);
  expect(document.querySelector('#mistakes .note')!.textContent).toContain('100 of 200');
});

test.each([
  ['no mistakes', ['training', 'confusion', 'labels', 'calibration', 'lengths', 'mistakes', 'settings']],
  ['questions', ['training', 'confusion', 'calibration', 'lengths', 'mistakes', 'settings']],
  ['several labels', ['training', 'labels', 'calibration', 'lengths', 'mistakes', 'settings']],
  ['numbers', ['training', 'fit', 'lengths', 'mistakes', 'settings']],
  ['no data', ['training', 'settings']],
  ['neither data nor curves', ['settings']],
  ['runs compared', ['results', 'curves', 'options']],
])('with %s, the sections are %j', (name, expected) => {
  expect([...documentOf(name).querySelectorAll('section')].map(({ id }) => id)).toEqual(expected);
});

test('entities are marked in the text with their types', () => {
  const marks = [...documentOf('entities').querySelectorAll('.examples mark')].map(mark => mark.textContent);
  expect(marks).toContain('nowLOC');
  expect(marks).toContain(`${hostile[0]}${hostile[0]}`);
});
