/** train --few-shot and --per-class: where the head begins, what log and manifest say, that runs go on, and what is refused. */
import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { baseFile, readBase } from '../../functions/artifacts/bases.ts';
import { headNames } from '../../functions/artifacts/modules.ts';
import { float32, readSafetensors, writeSafetensors } from '../../functions/artifacts/safetensors.ts';
import { openBase } from '../../functions/base.ts';
import { classification } from '../../functions/tasks/classification.ts';
import { stepInputs } from '../../trainer/batches.ts';
import { onnxEngine } from '../../trainer/engines/onnx.ts';
import type { HeadSpec } from '../../trainer/heads.ts';
import { specOf } from '../../trainer/methods/methods.ts';
import { parameterInputs, views } from '../../trainer/parameters.ts';
import { uniform } from '../../trainer/random.ts';
import { startValues } from '../../trainer/start.ts';
import { buildStep } from '../../trainer/step.ts';
import { readWeightsFile } from '../../trainer/weights.ts';
import { writeTinyBase } from '../tiny-base.ts';
import { refusalOf, resultOf } from './trainer.ts';
import { openWorkspace, type Workspace } from './workspace.ts';

let workspace: Workspace;
const examples = [
  ['the parcel was late', 'late_parcel'],
  ['parcel arrived late again', 'late_parcel'],
  ['late order', 'late_parcel'],
  ['refund the money', 'refundMoney'],
  ['money again please', 'refundMoney'],
  ['thanks great', 'LABEL_2'],
  ['love the order', 'LABEL_2'],
];
const csv = (rows: readonly (readonly string[])[]) =>
  `text,label\n${rows.map(row => `${row.join(',')}\n`).join('')}`;

beforeAll(async () => {
  workspace = await openWorkspace();
  await workspace.write('few.csv', csv(examples));
});
afterAll(() => workspace.remove());

const json = async (file: string) => JSON.parse(await readFile(workspace.path(file), 'utf8'));
const train = (out: string, ...args: string[]) =>
  workspace.train('few.csv', '--eval-data', 'few.csv', '--out', out, '--quantization', 'float32', ...args);
const tensorsOf = async (out: string) =>
  new Map(
    [...readSafetensors(await readFile(workspace.path(`${out}/adapter.safetensors`)), out)].map(
      ([name, tensor]) => [name, float32(tensor)],
    ),
  );

/** Mean-pooled texts: the logits of a head whose weight is the identity. */
async function pooled(texts: readonly string[]): Promise<Float32Array[]> {
  const { store, folder } = workspace;
  const manifest = await readBase(store, 'tiny');
  const { hiddenSize: width, family } = manifest.config;
  const base = await openBase({ store, name: 'tiny', cacheDir: folder, workers: 0 });
  const head: HeadSpec = {
    ...{ task: 'classification', labels: width },
    head: { kind: 'pooled', pooling: 'mean', dense: false },
  };
  const weights = await readWeightsFile(await baseFile(store, 'tiny', manifest.trainingWeights, folder));
  const { layout, logits } = buildStep({ config: manifest.config, method: specOf('lora', {}), head });
  const values = await startValues({ layout, seed: 1, weights });
  const identity = Float32Array.from({ length: width ** 2 }, (_, i) => Number(i % (width + 1) === 0));
  views(layout, values).get(headNames(family, 'classification').weight)!.set(identity);
  const program = await onnxEngine({ threads: 1 }).compile({ outputs: { logits }, weights });
  const found: Float32Array[] = [];
  for (const text of texts) {
    const context = { tokenizer: base.tokenizer, labels: [], maxLength: 64, stride: 8 };
    const { windows } = classification.encode({ text }, context);
    const inputs = stepInputs([{ window: windows[0]!, targets: Int32Array.of(0) }], {
      ...{ config: manifest.config, head, units: 1 },
    });
    const outputs = await program.run({ ...inputs, ...parameterInputs(layout, values) });
    found.push(outputs.logits!.data as Float32Array);
  }
  await Promise.all([program.close(), base.engine.close()]);
  return found;
}

const length = (vector: ArrayLike<number>) =>
  Math.sqrt(Array.from(vector).reduce((sum, x) => sum + x * x, 0));
const direction = (vector: ArrayLike<number>) => Array.from(vector, x => x / length(vector));

test('the head begins at the prototypes of examples and of names, and is told in log and manifest', async () => {
  const ran = await train('begun', '--few-shot', '--learning-rate', '1e-12');
  expect(ran.stdout).toContain(
    'few-shot: 2 examples a class (from 2 to 3): the head begins at the prototypes, names of 2 labels are examples\n',
  );
  expect(ran.stdout).toContain('9 examples in 9 windows, 3 labels\n');
  const { head, labels, training } = await json('begun/manifest.json');
  expect(head).toEqual({ kind: 'pooled', pooling: 'mean', dense: false });
  expect(training.config.fewShot).toEqual({
    ...{ examplesPerClass: 2, start: 'prototypes', labelNames: 2, contrastiveSteps: 0 },
  });
  expect((await json('begun/data.json')).splits.train.examples).toBe(7);

  const taught = [...examples, ['late parcel', 'late_parcel'], ['refund Money', 'refundMoney']];
  const embeddings = await pooled(taught.map(([text]) => text!));
  const typical = embeddings.reduce((sum, each) => sum + length(each), 0) / embeddings.length;
  const names = headNames('bert', 'classification');
  const tensors = await tensorsOf('begun');
  const weight = tensors.get(names.weight)!;
  const width = weight.length / labels.length;
  expect([...tensors.get(names.bias)!].every(value => Math.abs(value) < 1e-9)).toBe(true);
  labels.forEach((label: string, row: number) => {
    const own = embeddings.filter((_, i) => taught[i]![1] === label).map(direction);
    const prototype = direction(own[0]!.map((_, i) => own.reduce((sum, each) => sum + each[i]!, 0)));
    prototype.forEach((value, i) => {
      // Padding and float32 sums; the largest weights are near 1.
      expect(Math.abs(weight[row * width + i]! - (15 * value) / typical)).toBeLessThan(2e-5);
    });
  });
});

test('ten epochs at twice the rate with dropout, unless others are given', async () => {
  const told = ['train', '--task', 'classification', '--data', 'few.csv', '--base', 'tiny', '--threads', '1'];
  const rest = ['--few-shot', '--batch-size', '4', '--json'];
  expect(resultOf(await workspace.run(...told, '--out', 'ten', ...rest))).toMatchObject({ steps: 30 });
  const usual = { learningRate: 0.002, dropout: { hidden: 0.1, attention: 0 } };
  expect((await json('ten/manifest.json')).training.config).toMatchObject(usual);
  const given = ['--epochs', '2', '--learning-rate', '0.001', '--dropout', '0'];
  expect(resultOf(await train('two', ...given, ...rest))).toMatchObject({ steps: 6 });
  const chosen = { learningRate: 0.001, dropout: { hidden: 0, attention: 0 } };
  expect((await json('two/manifest.json')).training.config).toMatchObject(chosen);
});

test('contrastive steps move LoRA before the head begins, and what comes of them is pushed as any adapter', async () => {
  const still = ['--few-shot', '--learning-rate', '1e-12'];
  const ran = await train('moved', '--few-shot', '--contrastive-steps', '20');
  expect(ran.stdout).toMatch(/contrastive: 20 steps, loss from \d+\.\d{4} to \d+\.\d{4}\n/);
  const [, first, last] = /loss from ([\d.]+) to ([\d.]+)\n/.exec(ran.stdout)!;
  expect(Number(last)).toBeLessThan(Number(first));
  expect((await json('moved/manifest.json')).training.config.fewShot.contrastiveSteps).toBe(20);
  await train('unmoved', ...still, '--contrastive-steps', '0');
  const changed = await tensorsOf('moved');
  const lora = [...changed].filter(([name]) => name.includes('lora_B'));
  expect(lora.length).toBe(12);
  for (const [name, data] of lora) expect(length(data), name).toBeGreaterThan(1e-4);
  expect(await tensorsOf('unmoved')).not.toEqual(changed);
  resultOf(await workspace.run('push-adapter', 'moved', '--tenant', 'acme', '--name', 'few', '--json'));
  const scored = ['evaluate', 'few', '--tenant', 'acme', '--data', 'few.csv', '--json'];
  expect(resultOf(await workspace.run(...scored)).metrics).toEqual(
    (await json('moved/manifest.json')).metrics.served,
  );
});

test.each([
  ['lora', []],
  ['int8', ['--precision', 'int8']],
  ['ia3', ['--method', 'ia3']],
  ['prompt', ['--method', 'prompt', '--prompt-tokens', '3']],
  ['houlsby', ['--method', 'houlsby', '--adapter-size', '4']],
] as const)(
  '%s: killed (-9) and gone on, with contrastive steps, it is the same to the byte',
  async (name, method) => {
    const args = [
      ...[
        '--few-shot',
        '--contrastive-steps',
        '10',
        '--epochs',
        '60',
        '--batch-size',
        '2',
        '--save-steps',
        '7',
      ],
      ...['--eval-steps', '300', '--dropout', '0.1', ...method, '--resume', '--json'],
    ];
    const [whole, killed] = [`whole ${name}`, `killed ${name}`];
    resultOf(await train(whole, ...args));
    const { child, ended } = workspace.start(
      ...[
        'train',
        '--task',
        'classification',
        '--data',
        'few.csv',
        '--eval-data',
        'few.csv',
        '--base',
        'tiny',
      ],
      ...['--out', killed, '--threads', '1', '--quantization', 'float32', ...args],
    );
    const stepsDone = () => {
      try {
        return readFileSync(workspace.path(`${killed}/steps.jsonl`), 'utf8').split('\n').length;
      } catch {
        return 0;
      }
    };
    while (child.exitCode === null && stepsDone() < 20) await sleep(1);
    expect(child.exitCode).toBe(null);
    child.kill('SIGKILL');
    expect((await ended).signal).toBe('SIGKILL');
    const resumed = await train(killed, ...args);
    resultOf(resumed);
    expect(resumed.stderr).toContain('resumed after step');
    expect(resumed.stderr).not.toContain('contrastive:');
    const file = name === 'houlsby' ? 'parameters.safetensors' : 'adapter.safetensors';
    expect(await readFile(workspace.path(`${killed}/${file}`))).toEqual(
      await readFile(workspace.path(`${whole}/${file}`)),
    );
  },
);

describe('--template and --verbalizer', () => {
  const words = [
    '--template',
    '{text} it is [MASK].',
    '--verbalizer',
    'late_parcel=late,refundMoney=money,LABEL_2=great',
  ];
  const masked = (out: string, ...args: string[]) => {
    const [task, ...rest] = ['train', '--task', 'classification', '--data', 'few.csv', '--base', 'masked'];
    return workspace.run(task!, ...rest, '--out', out, '--threads', '1', '--few-shot', ...args);
  };

  beforeAll(async () => {
    await writeTinyBase(workspace.path('masked'));
    const file = workspace.path('masked/model.safetensors');
    const { hidden_size: h, vocab_size: vocabulary } = await json('masked/config.json');
    const head = Object.entries({
      'transform.dense.weight': [h, h],
      'transform.dense.bias': [h],
      'transform.LayerNorm.weight': [h],
      'transform.LayerNorm.bias': [h],
      bias: [vocabulary],
    }).map(([name, shape], index) => {
      const size = shape.reduce((a, b) => a * b, 1);
      const values = Float32Array.from(
        { length: size },
        (_, i) => uniform({ seed: 3, stream: 21 }, index, i) - 0.5,
      );
      return [
        `cls.predictions.${name}`,
        { dtype: 'F32', shape, data: new Uint8Array(values.buffer) },
      ] as const;
    });
    const encoder = [...readSafetensors(await readFile(file), file)];
    await workspace.write('masked/model.safetensors', writeSafetensors([...encoder, ...head]));
    resultOf(await workspace.run('pull-base', 'masked', '--json'));
  });

  test('fills in the blank, is scored as it was trained, is the same again, and is refused where no template is', async () => {
    const args = [
      ...words,
      '--eval-data',
      'few.csv',
      '--epochs',
      '40',
      '--batch-size',
      '4',
      '--learning-rate',
      '0.01',
    ];
    const ran = await masked('blank', ...args);
    expect(ran).toMatchObject({ code: 0 });
    expect(ran.stdout).toContain(
      'few-shot: 2 examples a class (from 2 to 3): the head fills in "{text} it is [MASK]."\n',
    );
    const { cloze, training, metrics, ...manifest } = await json('blank/run.json');
    expect(cloze).toMatchObject({ template: '{text} it is [MASK].', place: -3 });
    expect(manifest).toMatchObject({
      method: { name: 'lora' },
      labels: ['LABEL_2', 'late_parcel', 'refundMoney'],
    });
    expect(training.config.fewShot).toEqual({
      ...{ examplesPerClass: 2, start: 'verbalizer', labelNames: 0, contrastiveSteps: 0 },
      template: '{text} it is [MASK].',
      verbalizer: { late_parcel: 'late', refundMoney: 'money', LABEL_2: 'great' },
    });
    expect(metrics).toMatchObject({ trained: { accuracy: 1 }, served: {} });
    const scored = resultOf(await workspace.run('evaluate', 'blank', '--data', 'few.csv', '--json'));
    expect(scored.metrics).toEqual(metrics.trained);
    const push = ['push-adapter', 'blank', '--tenant', 'acme', '--name', 'blank'];
    expect(refusalOf(await workspace.run(...push))).toMatch(
      /^blank was trained by --verbalizer, whose head reads/,
    );
    for (const format of ['onnx', 'peft']) {
      const exported = await workspace.run('export', 'blank', '--format', format, '--out', 'exported');
      expect(refusalOf(exported, 2)).toMatch(/^blank was trained by --verbalizer: a template is part of it/);
    }
    await masked('blank again', ...args);
    expect(await readFile(workspace.path('blank again/parameters.safetensors'))).toEqual(
      await readFile(workspace.path('blank/parameters.safetensors')),
    );
    const otherwise = await masked('blank', ...args, '--template', '{text} was [MASK].', '--resume');
    expect(refusalOf(otherwise)).toContain('fewShot was {"cloze":{"template":"{text} it is [MASK]."');
  });

  test('a file of words is the same, over the base as it is served too', async () => {
    const verbalizer = { late_parcel: 'late', refundMoney: 'money', LABEL_2: 'great' };
    await workspace.write('words.json', JSON.stringify(verbalizer));
    const args = [
      '--template',
      words[1]!,
      '--verbalizer',
      'words.json',
      '--precision',
      'int8',
      '--epochs',
      '1',
    ];
    expect(await masked('filed', ...args)).toMatchObject({ code: 0 });
    expect((await json('filed/run.json')).training.config.fewShot.verbalizer).toEqual(verbalizer);
    await workspace.write('words.json', '{"late_parcel": 3}');
    expect(refusalOf(await masked('filed', ...args))).toBe(
      'words.json: an object of words by label is expected',
    );
  });

  test('what cannot be filled in is refused in one line', async () => {
    const refused = async (...args: string[]) => refusalOf(await masked('none', ...args), 2);
    expect(await refused(...words.slice(0, 2))).toBe('--template and --verbalizer go together');
    expect(await refused(...words.slice(2))).toBe('--template and --verbalizer go together');
    expect(await refused(...words.slice(0, 3), 'late_parcel=late,refundMoney,LABEL_2=great')).toContain(
      'a label, = and a word are expected between commas',
    );
    expect(
      await refused(...words.slice(0, 3), 'late_parcel=belated,refundMoney=money,LABEL_2=great'),
    ).toMatch(/^--verbalizer: "belated" \(of label late_parcel\) is \d tokens of this base \(b /);
    expect(await refused(...words, '--method', 'prompt')).toContain(
      '--verbalizer: not of a method that adds tokens',
    );
    expect(await refused(...words, '--contrastive-steps', '3')).toContain(
      '--contrastive-steps are about means',
    );
    expect(refusalOf(await workspace.train('few.csv', '--few-shot', ...words), 2)).toMatch(
      /^--verbalizer: the base has no tensor cls\.predictions\.transform\.dense\.weight: its checkpoint has no masked-language head/,
    );
    expect(refusalOf(await workspace.train('few.csv', ...words), 2)).toBe('--template goes with --few-shot');
  });
});

describe('data that has little to say', () => {
  const few = async (rows: readonly (readonly string[])[], ...args: string[]) => {
    await workspace.write('odd.csv', csv(rows));
    return workspace.train('odd.csv', '--few-shot', '--out', 'odd', ...args);
  };

  test('one example a class is learned from, whatever labels are called', async () => {
    const one = [examples[0]!, examples[3]!, examples[5]!].map(([text], i) => [text!, `LABEL_${i}`]);
    const ran = await few(one);
    expect(ran).toMatchObject({ code: 0 });
    expect(ran.stdout).toContain('few-shot: 1 example a class: the head begins at the prototypes\n');
    expect(refusalOf({ ...(await few(one, '--contrastive-steps', '5')) })).toBe(
      '--contrastive-steps 5: no class has two examples, nor one and a name of words: add some, or leave it out',
    );
  });

  test('a class of the dev file that train has no example of is refused by name', async () => {
    await workspace.write('dev.csv', csv([...examples, ['where is the parcel', 'lost_parcel']]));
    expect(refusalOf(await few(examples, '--eval-data', 'dev.csv'))).toMatch(/dev\.csv:9: .*"lost_parcel"/);
  });

  test('identical texts with different labels are warned of, and trained on', async () => {
    const ran = await few([...examples, ['refund the money', 'LABEL_2']], '--contrastive-steps', '5');
    expect(ran).toMatchObject({ code: 0 });
    expect(ran.stdout).toContain(
      'warning: 1 examples of train have the text of another but not its label (odd.csv:9 as odd.csv:5)\n',
    );
    expect(ran.stdout).toMatch(/contrastive: 5 steps, loss from [\d.]+ to [\d.]+\n/);
  });
});

test('--per-class keeps so many of each class, tells it, and is part of what a run resumes under', async () => {
  const ran = await train('kept', '--per-class', '2');
  expect(ran.stdout).toContain('train: --per-class 2 keeps 6 of 7 examples\n');
  expect(ran.stdout).toContain('6 examples in 6 windows, 3 labels\n');
  expect((await json('kept/manifest.json')).training.config.perClass).toBe(2);
  const more = await train('kept', '--per-class', '3', '--resume');
  expect(refusalOf(more)).toContain('perClass was 2, is 3');
  expect((await train('more', '--per-class', '9')).stdout).toContain(
    'keeps 7 of 7 examples; 3 of 3 classes have fewer ("late_parcel" 3, "refundMoney" 2, "LABEL_2" 2)\n',
  );
});

test('what does not go together is wrong usage', async () => {
  await workspace.write('topics.conll', 'mara\tB-x\nworks\tO\n\n');
  await workspace.write('two.csv', 'text,label\nred blue,"color,red"\n');
  const refused = async (file: string, ...args: string[]) =>
    refusalOf(await workspace.train(file, '--out', 'none', ...args), 2);
  expect(await refused('few.csv', '--contrastive-steps', '5')).toBe(
    '--contrastive-steps goes with --few-shot',
  );
  expect(await refused('few.csv', '--few-shot', '--from', 'adapter')).toContain('--few-shot and --from');
  expect(await refused('topics.conll', '--few-shot')).toContain('this is sequence-labeling');
  expect(await refused('two.csv', '--few-shot', '--label-separator', ',')).toContain('this is multi-label');
  for (const [flag, value] of [
    ['--per-class', '0'],
    ['--per-class', '1.5'],
    ['--contrastive-steps', '-1'],
  ] as const)
    expect(await refused('few.csv', flag, value)).toContain(flag);
});
