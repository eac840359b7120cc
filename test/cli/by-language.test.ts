/** evaluate --by-language: each row is what evaluate says of that language alone, and the last one their mean. */
import { mkdir } from 'node:fs/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { refusalOf, resultOf } from './trainer.ts';
import { openWorkspace, type Workspace } from './workspace.ts';

let workspace: Workspace;
const english = 'text,label\nthe parcel was late,parcel\nrefund the money,refund\n';
const german = 'text,label\nthanks,refund\nthe parcel was late,praise\nparcel broken,refund\n';
interface Result {
  languages: { language: string; examples: number; metrics: { accuracy: number } }[];
  mean: { accuracy: number };
}

beforeAll(async () => {
  workspace = await openWorkspace();
  await mkdir(workspace.path('tongues/de'), { recursive: true });
  await workspace.write('tongues/en.test.csv', english);
  await workspace.write('tongues/en.train.csv', 'text,label\nlate,parcel\n');
  await workspace.write('tongues/de/test.csv', german);
  const rows = (text: string, language: string) =>
    text
      .trimEnd()
      .split('\n')
      .slice(1)
      .map(line => `${line},${language}\n`);
  await workspace.write(
    'mixed.csv',
    `text,label,locale\n${rows(english, 'en').join('')}${rows(german, 'de').join('')}`,
  );
});
afterAll(() => workspace.remove());

const evaluate = (...args: string[]) => workspace.run('evaluate', 'adapter', '--data', ...args);

test('a directory and a column say the same, which is what each language says alone', async () => {
  const alone = async (file: string) =>
    (resultOf(await evaluate(file, '--json')).metrics as { accuracy: number }).accuracy;
  const [en, de] = [await alone('tongues/en.test.csv'), await alone('tongues/de')];
  const result = resultOf(await evaluate('tongues', '--by-language', '--json')) as unknown as Result;
  expect(result.languages).toMatchObject([
    { language: 'de', examples: 3, metrics: { accuracy: de } },
    { language: 'en', examples: 2, metrics: { accuracy: en } },
  ]);
  // Not the mean over examples.
  expect(result.mean.accuracy).toBeCloseTo((de + en) / 2, 12);
  expect(de).not.toBe(en);
  expect(resultOf(await evaluate('mixed.csv', '--by-language', '--json'))).toEqual(result);
  const { stdout } = await evaluate('mixed.csv', '--by-language', '--language-column', 'locale');
  expect(stdout).toContain(`language\texamples\taccuracy\tf1_macro\tf1_micro\nde\t3\t${de.toFixed(4)}\t`);
  expect(stdout).toContain(`\nmean\t5\t${((de + en) / 2).toFixed(4)}\t`);
});

test('refuses a column without languages, and a label that the adapter lacks, by its language’s file', async () => {
  expect(refusalOf(await evaluate('mixed.csv', '--language-column', 'locale'), 2)).toBe(
    '--language-column goes with --by-language',
  );
  expect(refusalOf(await evaluate('topics.csv', '--by-language'))).toContain(
    'topics.csv: no column "language": the columns are text, label; name it with --language-column',
  );
  await mkdir(workspace.path('strange'));
  await workspace.write('strange/fr.csv', 'text,label\nthanks,merci\n');
  expect(refusalOf(await evaluate('strange', '--by-language'))).toMatch(
    /strange\/fr\.csv:2: label "merci" is unknown/,
  );
});
