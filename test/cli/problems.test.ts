/** Several labels, regression, weights and splits by ratio, from the command line to what is served. */
import { mkdir, readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { refusalOf, resultOf } from './trainer.ts';
import { openWorkspace, type Workspace } from './workspace.ts';

let workspace: Workspace;
beforeAll(async () => {
  workspace = await openWorkspace();
});
afterAll(() => workspace.remove());

const json = async (name: string) => JSON.parse(await readFile(workspace.path(name), 'utf8'));

const words = ['parcel', 'refund', 'great', 'late', 'money', 'love'];
/** Each text holds some words; label i is there where word i is. */
const several = Array.from({ length: 48 }, (_, i) => {
  const own = words.filter((_, word) => (i * 7 + word * word * 3) % 5 < 2);
  return { text: `the ${own.join(' ')} was ${i}`, own };
}).filter(({ own }) => own.length > 0);

test('several labels are learned, scored at a threshold chosen on dev, and evaluated with it', async () => {
  const rows = several.map(({ text, own }) => `${text}\t${own.map(word => words.indexOf(word)).join(',')}`);
  await workspace.write('several.tsv', `text\tlabel\n${rows.join('\n')}\n`);
  await workspace.write('names.txt', `${words.join('\n')}\n`);
  const names = ['--label-names', 'names.txt'];
  const args = ['--epochs', '25', '--learning-rate', '0.01', '--split', '0.2', '--out', 'several', ...names];
  const ran = await workspace.train('several.tsv', ...args, '--json');
  const { metrics } = resultOf(ran) as { metrics: Record<string, number> };
  expect(ran.stderr).toContain('the problem is multi-label: several labels in one cell');
  expect(ran.stderr).toMatch(/^dev: \d+ examples: /m);
  expect(metrics.f1_micro).toBeGreaterThan(0.8);
  expect(metrics.f1_micro).toBeGreaterThanOrEqual(metrics.f1_micro_at_half!);
  expect(await json('several/manifest.json')).toMatchObject({
    problem: 'multi-label',
    threshold: metrics.threshold,
    labels: [...words].sort(),
    pair: false,
    metrics: { served: metrics },
    training: { config: { split: { dev: 0.2 } } },
  });
  const evaluated = await workspace.run('evaluate', 'several', '--data', 'several.tsv', ...names, '--json');
  expect(resultOf(evaluated)).toMatchObject({ metrics: { threshold: metrics.threshold } });
  await workspace.write('one.csv', `text,label\n${words.map(word => `${word},${word}`).join('\n')}\n`);
  expect(refusalOf(await workspace.train('one.csv', '--from', 'several'), 2)).toContain(
    '--from several has problem multi-label, this run has problem single-label',
  );
  const { splits } = await json('several/data.json');
  expect(splits.train.examples + splits.dev.examples).toBe(rows.length);
});

test('a number is learned for pairs, and its correlation is the score', async () => {
  const pairs = Array.from({ length: 40 }, (_, i) => ({
    sentence1: `the ${words[i % 6]} was late`,
    sentence2: i % 2 ? 'great love thanks' : 'broken money',
    score: i % 2 ? 4.5 : 1,
  }));
  await workspace.write('pairs.jsonl', pairs.map(pair => `${JSON.stringify(pair)}\n`).join(''));
  const args = ['--problem', 'regression', '--epochs', '20', '--learning-rate', '0.01', '--out', 'pairs'];
  const ran = await workspace.train('pairs.jsonl', ...args, '--eval-data', 'pairs.jsonl', '--json');
  const { metrics } = resultOf(ran) as { metrics: Record<string, number> };
  expect(ran.stderr).toContain('values 1 to 4.5, mean 2.750');
  expect(metrics.pearson).toBeGreaterThan(0.9);
  expect(metrics.mse).toBeLessThan(1);
  expect(await json('pairs/manifest.json')).toMatchObject({
    problem: 'regression',
    labels: ['LABEL_0'],
    pair: true,
  });
  await workspace.write('single.csv', 'text,label\nlate,1\n');
  expect(refusalOf(await workspace.run('evaluate', 'pairs', '--data', 'single.csv'))).toBe(
    'single.csv:2: one text an example, but the adapter has two: name the columns alike',
  );
  await workspace.write('words.jsonl', '{"sentence1":"a","sentence2":"b","score":"x"}\n');
  expect(refusalOf(await workspace.run('evaluate', 'pairs', '--data', 'words.jsonl'))).toContain(
    'words.jsonl:1: the label "x" is no number',
  );
});

test('two texts for an adapter of one are refused, in training and in evaluation', async () => {
  await workspace.write('two.csv', 'text,text_pair,label\na,b,parcel\n');
  expect(refusalOf(await workspace.run('evaluate', 'adapter', '--data', 'two.csv'))).toContain(
    'two.csv:2: two texts an example, but the adapter has one',
  );
  expect(refusalOf(await workspace.train('topics.csv', '--eval-data', 'two.csv'))).toContain(
    'two.csv:2: two texts an example, but the train split has one',
  );
});

test('the first token is read instead of the mean, where there is a choice', async () => {
  const out = ['--out', 'first token', '--json'];
  resultOf(await workspace.train('topics.csv', '--pooling', 'cls', ...out));
  expect((await json('first token/manifest.json')).head).toEqual({
    kind: 'pooled',
    pooling: 'cls',
    dense: true,
  });
  await workspace.write('tags.conll', 'mara B-PER\nlives O\n');
  const refused = async (data: string, ...args: string[]) =>
    refusalOf(await workspace.train(data, ...args), 2);
  expect(await refused('tags.conll', '--pooling', 'cls')).toContain(
    '--pooling cls: sequence-labeling has no pooled head',
  );
  expect(await refused('topics.csv', '--pooling', 'cls', '--few-shot')).toContain(
    '--pooling cls: --few-shot settles the head',
  );
  expect(await refused('topics.csv', '--pooling', 'mean', '--from', 'first token')).toContain(
    '--pooling mean: --from settles the head',
  );
});

describe('weights and smoothing', () => {
  test.each([
    ['topics.csv', ['--class-weights', 'balanced', '--label-smoothing', '0.1']],
    ['topics.csv', ['--class-weights', 'parcel=2,refund=0.5']],
    ['tags.conll', ['--class-weights', 'balanced']],
    ['labels.jsonl', ['--class-weights', 'balanced', '--label-smoothing', '0.1']],
  ])('of %s: %j', async (name, args) => {
    await workspace.write('tags.conll', 'mara B-PER\nlives O\nin O\noslo B-LOC\n');
    await workspace.write('labels.jsonl', '{"text":"a","label":["x","y"]}\n{"text":"b","label":["y"]}\n');
    const out = `weighted ${name} ${args[1]}`;
    const ran = await workspace.train(name, ...args, '--eval-data', name, '--out', out, '--json');
    expect(Object.values(resultOf(ran).metrics as object).every(Number.isFinite)).toBe(true);
    const { training } = await json(`${out}/manifest.json`);
    expect(training.config.classWeights).toBeDefined();
    expect(training.config.labelSmoothing).toBe(args.includes('0.1') ? 0.1 : 0);
  });

  test('weights change what is learned', async () => {
    const losses = [];
    for (const weights of ['parcel=1', 'parcel=9']) {
      resultOf(await workspace.train('topics.csv', '--class-weights', weights, '--out', 'w', '--json'));
      const [first] = (await readFile(workspace.path('w/steps.jsonl'), 'utf8')).split('\n');
      losses.push(JSON.parse(first!).loss);
    }
    expect(losses[0]).not.toBe(losses[1]);
  });
});

test('a duplicate, a leak and a rare label are told and trained on', async () => {
  await mkdir(workspace.path('leaky'));
  await workspace.write('leaky/train.csv', 'text,label\nlate,x\nlate,x\nlost,y\n');
  await workspace.write('leaky/dev.csv', 'text,label\nlost,x\n');
  const ran = await workspace.train('leaky', '--json');
  resultOf(ran);
  expect(ran.stderr).toContain('train: 3 examples: x 2, y 1\n');
  expect(ran.stderr).toContain(
    'warning: 1 examples of train stand there more than once (leaky/train.csv:3 as',
  );
  expect(ran.stderr).toContain('warning: 1 examples of dev (100.0 %) have a text that is trained on');
  expect(ran.stderr).toContain('warning: 1 of 2 labels have fewer than 2 examples in train ("y")');
  expect((await json('run/data.json')).warnings).toHaveLength(3);
});

test('records of tokens and of questions are trained on from JSON Lines', async () => {
  const sentence = { tokens: ['mara', 'lives', 'in', 'oslo'], ner_tags: [1, 0, 0, 2] };
  await workspace.write('sentences.jsonl', `${JSON.stringify(sentence)}\n`.repeat(2));
  const base = ['--base', 'tiny', '--epochs', '1', '--threads', '1', '--json'];
  const sentences = ['--data', 'sentences.jsonl', '--label-names', 'O,B-PER,B-LOC', '--out', 'sentences'];
  resultOf(await workspace.run('train', '--task', 'sequence-labeling', ...sentences, ...base));
  expect((await json('sentences/manifest.json')).labels).toEqual(['O', 'B-LOC', 'I-LOC', 'B-PER', 'I-PER']);
  const question = (id: number) => ({
    ...{ id: `${id}`, title: '', context: `mara lives in oslo ${id}`, question: 'who?' },
    answers: { text: ['mara'], answer_start: [0] },
  });
  const lines = [1, 2, 3, 4].map(id => JSON.stringify(question(id)));
  await workspace.write('questions.jsonl', `${lines.join('\n')}\n`);
  const questions = ['--data', 'questions.jsonl', '--split', '0.25', '--out', 'questions'];
  const ran = await workspace.run('train', '--task', 'question-answering', ...questions, ...base);
  expect(resultOf(ran)).toMatchObject({ metrics: { exact_match: expect.any(Number) } });
});

describe('wrong flags are refused by name', () => {
  test.concurrent.each<[string[], string, 1 | 2]>([
    [['--split', '1.5'], 'each above 0, together below 1', 2],
    [['--split', '0.6,0.6'], 'each above 0, together below 1', 2],
    [['--split', '0.1', '--eval-data', 'topics.csv'], '--split and --eval-data', 2],
    [['--problem', 'several'], 'single-label, multi-label, regression', 2],
    [['--problem', 'regression'], 'topics.csv:2: the label "parcel" is no number', 1],
    [['--label-smoothing', '1'], 'a number from 0 to 0.9', 2],
    [['--class-weights', 'parcel=-1'], '--class-weights: "parcel" weighs -1: it must be a number above 0', 2],
    [['--class-weights', 'parcels=2'], '--class-weights: "parcels" is no label', 2],
    [['--class-weights', 'nowhere.json'], 'nowhere.json: no such file', 1],
    [['--label-names', 'a,a'], '--label-names: a is there twice', 2],
    [['--data', 's3://NO/key'], 'write s3://BUCKET/KEY', 2],
  ])('%j', async (args, told, code) => {
    expect(refusalOf(await workspace.train('topics.csv', ...args), code)).toContain(told);
  });

  test('a problem of what has none', async () => {
    await workspace.write('tags.conll', 'mara B-PER\nlives O\n');
    expect(refusalOf(await workspace.train('tags.conll', '--problem', 'multi-label'), 2)).toContain(
      '--problem multi-label: only classification',
    );
    await workspace.write('numbers.csv', 'text,label\na,1\nb,2\n');
    const args = ['--problem', 'regression', '--label-smoothing', '0.1'];
    expect(refusalOf(await workspace.train('numbers.csv', ...args), 2)).toContain(
      'regression has no classes',
    );
  });
});
