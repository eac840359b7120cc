/** What `train --few-shot` does, by how many examples a class has: which start, which examples beside those of the data. */
import type { Head, Problem } from '../../functions/artifacts/manifests.ts';
import type { TaskName } from '../../functions/artifacts/names.ts';
import { VeneerError } from '../../functions/error.ts';
import type { Tokenizer } from '../../functions/tokenizer/tokenizer.ts';
import type { ClassificationExample, Split } from '../data/dataset.ts';
import { labelsOf } from '../data/labels.ts';
import { type Cloze, clozeOf, type Verbalizer } from './cloze.ts';
import { labelNames } from './label-names.ts';
import { parseTemplate } from './template.ts';

export interface FewShotOptions {
  /** Instead of what is chosen. */
  contrastiveSteps?: number;
  /** A blank to fill in instead of prototypes. */
  cloze?: { template: string; verbalizer: Verbalizer } | undefined;
}

/** As a manifest says it. */
export interface FewShotPlan {
  /** The median over the classes. */
  examplesPerClass: number;
  /** Where the head begins: at the prototypes of the classes, at the words of a verbalizer, or as in any training. */
  start: 'prototypes' | 'verbalizer' | 'random';
  /** Labels whose names are examples. */
  labelNames: number;
  contrastiveSteps: number;
  template?: string;
  verbalizer?: Verbalizer;
}

type Approach = Pick<FewShotPlan, 'start' | 'contrastiveSteps'> & { below: number };

/** The first that has fewer examples a class below it. Measured on banking77, see README. */
const approaches: readonly Approach[] = [
  { below: 32, start: 'prototypes', contrastiveSteps: 0 },
  { below: Number.POSITIVE_INFINITY, start: 'random', contrastiveSteps: 0 },
];

/** What prototypes are: means of the last hidden states, with nothing between them and the logits. */
export const prototypeHead: Head = { kind: 'pooled', pooling: 'mean', dense: false };

/** Of a cloze: one place is pooled, and there are layers between it and the logits. */
const clozeHead: Head = { kind: 'pooled', pooling: 'cls', dense: true };

interface ChoiceArguments {
  options: {
    task: TaskName;
    method: object;
    fewShot?: FewShotOptions | undefined;
    from?: object | undefined;
  };
  problem: Problem;
  /** What is trained on, with what was made of the data's examples. */
  train: Split<{ where: string }>;
  /** The data's own examples, by label. */
  counts: Readonly<Record<string, number>>;
  tokenizer: Tokenizer;
}

export interface FewShotChoice {
  plan: FewShotPlan;
  /** With the names of labels behind the examples. */
  train: Split<{ where: string }>;
  head: Head | undefined;
  cloze?: Cloze;
  /** With the template around each text. */
  tokenizer: Tokenizer;
  /** One sentence, for the log. */
  note: string;
}

/** @throws VeneerError `usage` where there are no classes of which each text has one. */
export function chooseFewShot(args: ChoiceArguments): FewShotChoice | undefined {
  const { options, problem, train, counts: byLabel, tokenizer } = args;
  if (!options.fewShot) return undefined;
  checkProblem(options, problem);
  const examples = train.examples as ClassificationExample[];
  const counts = Object.values(byLabel);
  const examplesPerClass = median([...counts]);
  if (options.fewShot.cloze) {
    const { template, verbalizer } = options.fewShot.cloze;
    checkCloze(options, examples);
    const cloze = clozeOf({ template, verbalizer, labels: labelsOf(examples), tokenizer });
    const begun = { start: 'verbalizer', labelNames: 0, contrastiveSteps: 0 } as const;
    const plan: FewShotPlan = { examplesPerClass, ...begun, template, verbalizer };
    return {
      ...{ plan, train, cloze, note: described(plan, counts) },
      head: clozeHead,
      tokenizer: parseTemplate(template, tokenizer).tokenizer,
    };
  }
  const { start, contrastiveSteps: usual } = approaches.find(({ below }) => examplesPerClass < below)!;
  const { contrastiveSteps = usual } = options.fewShot;
  const names = start === 'prototypes' ? namesAsExamples(labelsOf(examples), examples) : [];
  if (contrastiveSteps > 0) checkPairs([...examples, ...names], contrastiveSteps);
  const plan = { examplesPerClass, start, labelNames: names.length, contrastiveSteps };
  return {
    plan,
    train: { ...train, examples: [...examples, ...names] },
    head: start === 'prototypes' ? prototypeHead : undefined,
    tokenizer,
    note: described(plan, counts),
  };
}

function checkProblem({ task, from }: ChoiceArguments['options'], problem: Problem): void {
  if (task !== 'classification' || problem !== 'single-label')
    throw new VeneerError(
      'usage',
      `--few-shot: for single-label classification only, this is ${task === 'classification' ? problem : task}`,
    );
  if (from)
    throw new VeneerError(
      'usage',
      '--few-shot and --from: both say where training begins, so take one of them',
    );
}

function checkCloze(
  { method, fewShot }: ChoiceArguments['options'],
  examples: readonly ClassificationExample[],
): void {
  const refuse = (what: string) => new VeneerError('usage', `--verbalizer: ${what}`);
  if ('tokens' in method) throw refuse('not of a method that adds tokens itself: take another --method');
  if (fewShot?.contrastiveSteps) throw refuse('the mask is read, and --contrastive-steps are about means');
  const pair = examples.find(each => each.pair !== undefined);
  if (pair) throw refuse(`a template holds one text, and ${pair.where} is a pair`);
}

/** The lower one of two. */
function median(counts: number[]): number {
  return counts.sort((a, b) => a - b)[(counts.length - 1) >> 1]!;
}

/** A name is no pair of texts. */
function namesAsExamples(
  labels: readonly string[],
  examples: readonly ClassificationExample[],
): ClassificationExample[] {
  if (examples.some(({ pair }) => pair !== undefined)) return [];
  return Array.from(labelNames(labels), ([label, text]) => ({
    text,
    labels: [label],
    where: `the name of label ${JSON.stringify(label)}`,
  }));
}

/** Closeness is learned from two examples of a class. */
function checkPairs(examples: readonly ClassificationExample[], steps: number): void {
  if (examples.length > labelsOf(examples).length) return;
  throw new VeneerError(
    'invalid_data',
    `--contrastive-steps ${steps}: no class has two examples, nor one and a name of words: add some, or leave it out`,
  );
}

function described(plan: FewShotPlan, counts: readonly number[]): string {
  const { examplesPerClass, start, labelNames: names, contrastiveSteps: steps } = plan;
  const [least, most] = [Math.min(...counts), Math.max(...counts)];
  const spread = least === most ? '' : ` (from ${least} to ${most})`;
  const heads = {
    prototypes: 'the head begins at the prototypes',
    verbalizer: `the head fills in ${JSON.stringify(plan.template)}`,
    random: 'enough for a head that begins at random',
  };
  const parts = [
    heads[start],
    ...(names > 0 ? [`names of ${names} labels are examples`] : []),
    ...(steps > 0 ? [`${steps} contrastive steps before`] : []),
  ];
  return `few-shot: ${examplesPerClass} ${examplesPerClass === 1 ? 'example' : 'examples'} a class${spread}: ${parts.join(', ')}`;
}
