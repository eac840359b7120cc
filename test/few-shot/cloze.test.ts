/** Blanks to fill in: heads against transformers' (golden/cloze.py), templates around texts, and words that do not do. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, test } from 'vitest';
import { readSafetensors, type Tensor } from '../../functions/artifacts/safetensors.ts';
import { classification } from '../../functions/tasks/classification.ts';
import { byteLetters } from '../../functions/tokenizer/byte-level.ts';
import { compileTokenizer } from '../../functions/tokenizer/compile.ts';
import { openTokenizer } from '../../functions/tokenizer/open.ts';
import { encoderTensors, maskedHeadTensors } from '../../trainer/base/checkpoint.ts';
import { precisions } from '../../trainer/base/precision.ts';
import { storedWeights } from '../../trainer/base/stored-weights.ts';
import { stepInputs } from '../../trainer/batches.ts';
import { onnxEngine } from '../../trainer/engines/onnx.ts';
import { clozeOf } from '../../trainer/few-shot/cloze.ts';
import { parseTemplate } from '../../trainer/few-shot/template.ts';
import type { HeadSpec } from '../../trainer/heads.ts';
import { specOf } from '../../trainer/methods/methods.ts';
import { familyOf } from '../../trainer/models/families.ts';
import { parameterInputs } from '../../trainer/parameters.ts';
import { startValues } from '../../trainer/start.ts';
import { buildStep } from '../../trainer/step.ts';
import { readWeightsFile } from '../../trainer/weights.ts';

const path = (name: string) => fileURLToPath(new URL(`../golden/${name}`, import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'veneer-cloze-'));
afterAll(() => rmSync(folder, { recursive: true }));

interface Golden {
  config: Record<string, unknown>;
  words: number[];
  cases: { ids: number[]; place: number; logits: number[] }[];
}
const families = ['bert', 'roberta'] as const;
const openGolden = (name: string) => {
  const golden: Golden = JSON.parse(readFileSync(path(`cloze/${name}.json`), 'utf8'));
  const family = familyOf(name);
  const config = family.readConfig(golden.config);
  const checkpoint = readSafetensors(readFileSync(path(`cloze/${name}.safetensors`)), name);
  return { ...golden, family, config, checkpoint: checkpoint as ReadonlyMap<string, Tensor> };
};

test.each(families)(
  '%s: before the first step, logits of words at the mask are those of transformers',
  async name => {
    const { family, config, checkpoint, words, cases } = openGolden(name);
    const tensors = [encoderTensors, maskedHeadTensors].flatMap(read => [
      ...read(checkpoint, config, family),
    ]);
    writeFileSync(join(folder, name), storedWeights(new Map(tensors), config, precisions.fp32));
    const weights = await readWeightsFile(join(folder, name));
    for (const { ids, place, logits: expected } of cases) {
      const head: HeadSpec = {
        ...{
          task: 'classification',
          labels: words.length,
          head: { kind: 'pooled', pooling: 'cls', dense: true },
        },
        cloze: { template: '', place, words },
      };
      const { layout, logits } = buildStep({ config, method: specOf('lora', {}), head });
      const values = await startValues({ layout, seed: 1, weights });
      const program = await onnxEngine({ threads: 1 }).compile({ outputs: { logits }, weights });
      const window = {
        ids: Int32Array.from(ids),
        typeIds: new Int32Array(ids.length),
        position: 0,
        first: 0,
        count: 1,
      };
      // Beside a longer row, so that it is padded.
      const longer = { ...window, ids: new Int32Array(12).fill(5), typeIds: new Int32Array(12) };
      const rows = [window, longer].map(each => ({ window: each, targets: Int32Array.of(0) }));
      const inputs = stepInputs(rows, { config, head, units: 1 });
      const outputs = await program.run({ ...inputs, ...parameterInputs(layout, values) });
      await program.close();
      expect(Math.max(...expected) - Math.min(...expected)).toBeGreaterThan(0.1);
      expected.forEach((value, i) => {
        expect(Math.abs(outputs.logits!.data[i]! - value), `${ids}`).toBeLessThan(1e-4);
      });
    }
  },
);

describe('what of a checkpoint is kept', () => {
  const { family, config, checkpoint } = openGolden('bert');
  const table = checkpoint.get('bert.embeddings.word_embeddings.weight')!;
  const keptOf = (changed: Iterable<readonly [string, Tensor]>) =>
    maskedHeadTensors(new Map(changed), config, family).size;

  test('all of a head, also where its decoder repeats the table of words', () => {
    expect(keptOf(checkpoint)).toBe(5);
    expect(keptOf([...checkpoint, ['cls.predictions.decoder.weight', table]])).toBe(5);
  });

  test('nothing where a part is missing, or the decoder is one of its own', () => {
    expect(keptOf([...checkpoint].filter(([name]) => name !== 'cls.predictions.bias'))).toBe(0);
    const data = Uint8Array.from(table.data);
    data[5]! ^= 1;
    expect(keptOf([...checkpoint, ['cls.predictions.decoder.weight', { ...table, data }]])).toBe(0);
    expect(maskedHeadTensors(checkpoint, { ...config, family: 'electra' }, family).size).toBe(0);
  });
});

const tokenizer = openTokenizer(
  compileTokenizer(readFileSync(path('pipelines/wordpiece/tokenizer.json'), 'utf8')),
);

describe('a template', () => {
  const framed = (template: string, text: string, maxLength = 40) => {
    const { tokenizer: framing, place } = parseTemplate(template, tokenizer);
    const context = { tokenizer: framing, labels: [], maxLength, stride: 2 };
    return classification.encode({ text }, context).windows.map(({ ids }) => ({
      pieces: Array.from(ids, id => tokenizer.piece(id)).join(' '),
      masked: tokenizer.piece(ids.at(place)!),
    }));
  };

  test('is around the text, and the mask is found before and behind it', () => {
    expect(framed('{text} a [MASK].', 'b c')).toEqual([
      { pieces: '[CLS] b c a [MASK] . [SEP]', masked: '[MASK]' },
    ]);
    expect(framed('a [MASK]! {text}', 'b c')).toEqual([
      { pieces: '[CLS] a [MASK] ! b c [SEP]', masked: '[MASK]' },
    ]);
    expect(framed('[MASK] {text} ?', 'b')[0]!.masked).toBe('[MASK]');
    expect(framed('{text}[MASK]', 'b')[0]).toEqual({ pieces: '[CLS] b [MASK] [SEP]', masked: '[MASK]' });
  });

  test('is whole in every window of a long text, whose own masks do not count', () => {
    const windows = framed('{text} a [MASK].', 'b [MASK] c d e f g h i j k l m n', 12);
    expect(windows.length).toBeGreaterThan(2);
    for (const { pieces, masked } of windows) {
      expect(pieces).toMatch(/^\[CLS\] .* a \[MASK\] \. \[SEP\]$/);
      expect(masked).toBe('[MASK]');
    }
    expect(windows[0]!.pieces).toBe('[CLS] b [MASK] c d e f g a [MASK] . [SEP]');
  });

  test.each([
    ['it was [MASK].', 'it must have {text} once'],
    ['{text} {text} [MASK]', 'it must have {text} once'],
    ['{text} it was', 'it must have [MASK] or <mask> once'],
    ['{text} [MASK] [MASK]', 'it must have [MASK] or <mask> once'],
    ['{text} [MASK] <mask>', 'it must have [MASK] or <mask> once'],
    ['{text} <mask>', '<mask> is no token of this base, which may write it [MASK]'],
    ['', 'it must have {text} once'],
  ])('%s is refused', (template, told) => {
    expect(() => parseTemplate(template, tokenizer)).toThrow(
      `--template ${JSON.stringify(template)}: ${told}`,
    );
  });
});

describe('a verbalizer', () => {
  const cloze = (verbalizer: Record<string, string>) =>
    clozeOf({ template: '{text} [MASK].', verbalizer, labels: ['bad', 'good'], tokenizer });

  test('has the token of each label’s word, in the order of the labels', () => {
    const { words, place } = cloze({ good: 'a', bad: 'b' });
    expect(words.map(id => tokenizer.piece(id))).toEqual(['b', 'a']);
    expect(place).toBe(-3);
  });

  test('takes a word as it stands in the blank: behind a space, where the vocabulary marks that', () => {
    const merges = ['o o', 'b a', 'g oo', 'ba d', 'goo d', 'Ġ good', 'Ġ bad'].map(pair => pair.split(' '));
    const letters = Array.from(byteLetters, letter => String.fromCodePoint(letter));
    const pieces = ['<mask>', '<pad>', ...letters, ...merges.map(pair => pair.join(''))];
    const added = { single_word: false, lstrip: true, rstrip: false, normalized: false, special: true };
    const json = {
      added_tokens: ['<mask>', '<pad>'].map((content, id) => ({ id, content, ...added })),
      model: {
        type: 'BPE',
        unk_token: null,
        vocab: Object.fromEntries(pieces.map((each, id) => [each, id])),
        merges,
      },
      pre_tokenizer: { type: 'ByteLevel', add_prefix_space: false, trim_offsets: false },
      ...{ truncation: null, padding: null, decoder: null },
    };
    const bytes = openTokenizer(compileTokenizer(JSON.stringify(json)));
    const wordsIn = (template: string) => {
      const verbalizer = { good: 'good', bad: 'bad' };
      const { words } = clozeOf({ template, verbalizer, labels: ['bad', 'good'], tokenizer: bytes });
      return words.map(id => pieces[id]);
    };
    expect(wordsIn('{text} so <mask>.')).toEqual(['Ġbad', 'Ġgood']);
    expect(wordsIn('{text} "<mask>"')).toEqual(['bad', 'good']);
  });

  test.each([
    [{ good: 'a' }, 'label "bad" has no word: say bad=WORD'],
    [{ good: 'a', bad: 'b', ugly: 'c' }, '"ugly" is no label: the train split has bad, good'],
    [
      { good: 'xyz', bad: 'b' },
      '"xyz" (of label good) is 3 tokens of this base (x ##y ##z): name a word that is one',
    ],
    [{ good: '', bad: 'b' }, '"" (of label good) is 0 tokens of this base'],
    [{ good: 'a b', bad: 'c' }, '"a b" (of label good) is 2 tokens of this base (a b)'],
    [{ good: '好', bad: 'b' }, '"好" (of label good) is not in the vocabulary of this base'],
    [{ good: 'a', bad: 'a' }, '"a" is the word of bad and of good'],
    [{ good: 'A', bad: 'a' }, '"A" is the word of bad and of good'],
  ])('%o is refused', (verbalizer, told) => {
    expect(() => cloze(verbalizer)).toThrow(`--verbalizer: ${told}`);
  });
});
