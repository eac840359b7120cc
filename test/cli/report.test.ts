/** `report` and `compare` on runs of the tiny base. */
import { cp, readFile } from 'node:fs/promises';
import { parseHTML } from 'linkedom';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { refusalOf, resultOf } from './trainer.ts';
import { openWorkspace, type Workspace } from './workspace.ts';

let workspace: Workspace;
beforeAll(async () => {
  workspace = await openWorkspace();
});
afterAll(() => workspace.remove());

const documentOf = async (name: string) => parseHTML(await readFile(workspace.path(name), 'utf8')).document;
const sectionsOf = async (name: string) =>
  [...(await documentOf(name)).querySelectorAll('section')].map(({ id }) => id);

describe('report', () => {
  test('writes a page with the scores that evaluate gives', async () => {
    const evaluated = resultOf(await workspace.run('evaluate', 'adapter', '--data', 'topics.csv', '--json'));
    const reported = resultOf(await workspace.run('report', 'adapter', '--data', 'topics.csv', '--json'));
    expect(reported).toMatchObject({ ...evaluated, out: 'adapter/report.html' });
    const { accuracy } = evaluated.metrics as { accuracy: number };
    expect(reported.mistakes).toBe(4 * (1 - accuracy));
    const document = await documentOf('adapter/report.html');
    expect(document.querySelector('.figures dd')!.textContent).toBe(`${(100 * accuracy).toFixed(1)}\u00a0%`);
    expect(document.querySelectorAll('.examples li').length).toBe(reported.mistakes);
    const counts = [...document.querySelectorAll('#confusion tbody td')].map(cell =>
      Number(cell.textContent),
    );
    expect(counts.reduce((sum, count) => sum + count, 0)).toBe(4);
  });

  test('says in words where the page is', async () => {
    const { code, stdout, stderr } = await workspace.run('report', 'adapter', '--out', 'page.html');
    expect({ code, stdout, stderr }).toEqual({
      code: 0,
      stdout: expect.stringMatching(/^page\.html: \d+ kB\n$/),
      stderr: '',
    });
    expect(await sectionsOf('page.html')).toEqual(['training', 'settings']);
  });

  test('gives the same bytes again', async () => {
    for (const out of ['one.html', 'two.html'])
      resultOf(await workspace.run('report', 'adapter', '--data', 'topics.csv', '--out', out, '--json'));
    expect(await readFile(workspace.path('one.html'))).toEqual(await readFile(workspace.path('two.html')));
  });

  test('reads sets of labels, and numbers', async () => {
    const sets = await workspace.write(
      'sets.csv',
      'text,label\nthe parcel was late,"late;parcel"\nrefund the money,refund\nthanks,""\n',
    );
    const several = ['--problem', 'multi-label', '--label-separator', ';'];
    resultOf(await workspace.train(sets, '--out', 'sets', '--json', ...several));
    const options = ['--label-separator', ';', '--json'];
    const found = resultOf(await workspace.run('report', 'sets', '--data', sets, ...options));
    expect(await sectionsOf('sets/report.html')).toEqual([
      ...['training', 'labels', 'calibration', 'lengths', 'mistakes', 'settings'],
    ]);
    const shown = (await documentOf('sets/report.html')).querySelectorAll('.examples li');
    expect(shown.length).toBe(found.mistakes);

    const scores = await workspace.write('scores.csv', 'text,label\nthe parcel was late,0.5\nthanks,3\n');
    resultOf(await workspace.train(scores, '--out', 'scores', '--json', '--problem', 'regression'));
    resultOf(await workspace.run('report', 'scores', '--data', scores, '--json'));
    expect(await sectionsOf('scores/report.html')).toEqual([
      ...['training', 'fit', 'lengths', 'mistakes', 'settings'],
    ]);
  });

  test('reads entities', async () => {
    const data = await workspace.write(
      'names.conll',
      'mara B-PER\nlives O\nin O\noslo B-LOC\n\nthe O\norder O\n',
    );
    resultOf(await workspace.train(data, '--out', 'names', '--json'));
    const result = resultOf(await workspace.run('report', 'names', '--data', data, '--json'));
    expect(result).toMatchObject({ task: 'sequence-labeling', examples: 2 });
    expect(await sectionsOf('names/report.html')).toEqual(
      expect.arrayContaining(['training', 'confusion', 'labels', 'lengths', 'mistakes', 'settings']),
    );
  });

  test('reads questions, and an accepted answer is marked in the passage', async () => {
    const context = 'mara lives in oslo.';
    const qas = [
      { id: '1', question: 'where?', answers: [{ text: 'oslo', answer_start: 14 }] },
      { id: '2', question: 'who?', answers: [{ text: 'mara', answer_start: 0 }] },
    ];
    const data = await workspace.write(
      'asked.json',
      JSON.stringify({ version: '1.1', data: [{ title: 't', paragraphs: [{ context, qas }] }] }),
    );
    resultOf(await workspace.train(data, '--out', 'asked', '--json'));
    const { mistakes } = resultOf(await workspace.run('report', 'asked', '--data', data, '--json'));
    const document = await documentOf('asked/report.html');
    expect(document.querySelectorAll('.examples li').length).toBe(mistakes);
    for (const item of document.querySelectorAll('.examples li')) {
      const marked = [...item.querySelectorAll('mark.expected, mark.agreed')].map(mark => mark.textContent);
      expect(['oslo', 'mara']).toContain(marked.join(''));
    }
  });

  test('refuses what it cannot read in one line', async () => {
    expect(refusalOf(await workspace.run('report', 'nowhere'))).toMatch(/^nowhere holds no manifest\.json/);
    expect(refusalOf(await workspace.run('report', 'adapter', '--data', 'nowhere.csv'))).toMatch(
      /^nowhere\.csv: /,
    );
    expect(refusalOf(await workspace.run('report', 'adapter', '--out', 'topics.csv/page.html'))).toMatch(
      /^topics\.csv\/page\.html: cannot be written/,
    );
    const unknown = await workspace.write('unknown.csv', 'text,label\nhello,greeting\n');
    expect(refusalOf(await workspace.run('report', 'adapter', '--data', unknown))).toMatch(/greeting/);
    refusalOf(await workspace.run('report'), 2);
  });
});

describe('compare', () => {
  beforeAll(async () => {
    resultOf(
      await workspace.train(
        ...['topics.csv', '--eval-data', 'topics.csv', '--out', 'other', '--json'],
        ...['--epochs', '3', '--rank', '4'],
      ),
    );
  });

  test('names the options that differ and no others, and what each run scored', async () => {
    const result = resultOf(await workspace.run('compare', 'adapter', 'other', '--json'));
    expect(result).toMatchObject({
      task: 'classification',
      runs: [
        { name: 'adapter', metrics: { served: { accuracy: expect.any(Number) } } },
        { name: 'other', metrics: { served: { accuracy: expect.any(Number) } } },
      ],
    });
    expect((result.runs as { options: object }[]).map(({ options }) => options)).toEqual([
      { epochs: '1', 'lora rank': '8' },
      { epochs: '3', 'lora rank': '4' },
    ]);
  });

  test('prints a table with a column a run', async () => {
    const { code, stdout, stderr } = await workspace.run('compare', 'adapter', 'other');
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const lines = stdout.trimEnd().split('\n');
    expect(lines[0]).toMatch(/^ +adapter +other$/);
    expect(lines).toContainEqual(expect.stringMatching(/^epochs +1 +3$/));
    expect(lines).toContainEqual(
      expect.stringMatching(/^Accuracy, as served +\d+\.\d % (\* )? *\d+\.\d %( \*)?$/),
    );
  });

  test('draws the curves of runs over their steps, with what those took', async () => {
    const result = resultOf(
      await workspace.run('compare', 'adapter', 'other', '--out', 'compared.html', '--json'),
    );
    const seconds = expect.any(Number);
    expect(result).toMatchObject({
      out: 'compared.html',
      runs: [
        { steps: 1, seconds },
        { steps: 3, seconds },
      ],
    });
    const document = await documentOf('compared.html');
    expect(await sectionsOf('compared.html')).toEqual(['results', 'curves', 'options']);
    const label = document.querySelector('#curves svg[role=img]')!.getAttribute('aria-label');
    expect(label).toBe('Training loss of 2 runs by step');
  });

  test('names runs of one name by their paths', async () => {
    await cp(workspace.path('adapter'), workspace.path('elsewhere/adapter'), { recursive: true });
    const { runs } = resultOf(await workspace.run('compare', 'adapter', 'elsewhere/adapter', '--json'));
    expect(runs).toMatchObject([
      { name: 'adapter', options: {} },
      { name: 'elsewhere/adapter', options: {} },
    ]);
  });

  test('refuses runs of different tasks, and none', async () => {
    await workspace.write('some.conll', 'mara B-PER\nlives O\n');
    resultOf(await workspace.train('some.conll', '--out', 'some', '--json'));
    expect(refusalOf(await workspace.run('compare', 'adapter', 'some'), 2)).toMatch(
      /^adapter is classification, some is sequence-labeling: compare/,
    );
    refusalOf(await workspace.run('compare'), 2);
  });
});
