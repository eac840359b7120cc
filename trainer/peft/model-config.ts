/**
 * The config.json beside a PEFT adapter: labels as transformers writes them and, where we exported it, what a task model
 * has no field for.
 */
import { stat } from 'node:fs/promises';
import * as z from 'zod';
import { Head, type Problem } from '../../functions/artifacts/manifests.ts';
import type { TaskName } from '../../functions/artifacts/names.ts';
import { VeneerError } from '../../functions/error.ts';
import { readText, splitLines } from '../data/files.ts';
import { parseJson } from '../data/json.ts';

/** Field `veneer` of config.json. */
export const ExportedFields = z.object({
  head: Head,
  maxLength: z.int().optional(),
  stride: z.int().optional(),
  unanswerable: z.boolean().optional(),
  threshold: z.number().optional(),
});
export type ExportedFields = z.infer<typeof ExportedFields>;

/** Transformers' names. */
export const problemTypes = {
  'single-label': 'single_label_classification',
  'multi-label': 'multi_label_classification',
  regression: 'regression',
} as const satisfies Record<Problem, string>;

const ModelConfig = z.object({
  problem_type: z
    .enum(Object.values(problemTypes) as [string, ...string[]])
    .nullish()
    .transform(type => (Object.keys(problemTypes) as Problem[]).find(name => problemTypes[name] === type)),
  id2label: z.record(z.string(), z.string()).optional(),
  veneer: ExportedFields.optional(),
});
export type ModelConfig = z.infer<typeof ModelConfig>;

/** Empty where there is no such file. */
export async function readModelConfig(path: string): Promise<ModelConfig> {
  const isThere = await stat(path).then(
    () => true,
    () => false,
  );
  if (!isThere) return { problem_type: undefined };
  const parsed = ModelConfig.safeParse(parseJson((await readText(path)).text, path));
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new VeneerError(
    'invalid_artifact',
    `${path}: ${issue?.path.join('.') || 'document'}: ${issue?.message}`,
  );
}

interface LabelSources {
  task: TaskName;
  /** Rows of the classifier. */
  count: number;
  /** One label a line, in the order of the logits. */
  labelsFile?: string | undefined;
  config: ModelConfig;
  configPath: string;
}

/** From --labels, else config.json, else LABEL_0 and so on. */
export async function peftLabels(
  { task, count, labelsFile, config: { id2label }, configPath }: LabelSources,
  log: (line: string) => void,
): Promise<string[]> {
  if (task === 'question-answering') {
    if (count === 2) return ['start', 'end'];
    throw new VeneerError(
      'invalid_artifact',
      `the head has ${count} rows; question answering has start and end`,
    );
  }
  let labels = Array.from({ length: count }, (_, i) => `LABEL_${i}`);
  let where = 'without labels';
  if (labelsFile !== undefined) {
    labels = splitLines((await readText(labelsFile)).text.trimEnd());
    where = labelsFile;
  } else if (id2label) {
    where = `${configPath}: id2label`;
    labels = Array.from({ length: Object.keys(id2label).length }, (_, i) => {
      const label = id2label[i];
      if (label === undefined) throw new VeneerError('invalid_artifact', `${where} has no ${i}`);
      return label;
    });
  } else if (task === 'classification')
    log(
      `warning: no config.json with id2label beside the adapter and no --labels: labels are LABEL_0 to LABEL_${count - 1}`,
    );
  const refuse = (problem: string) => new VeneerError('invalid_data', `${where}: ${problem}`);
  if (labels.length !== count) throw refuse(`${labels.length} labels, but the head has ${count} rows`);
  if (labels.includes('')) throw refuse('a label is empty');
  const repeated = labels.find((label, i) => labels.indexOf(label) !== i);
  if (repeated !== undefined) throw refuse(`label ${repeated} stands there twice`);
  if (task === 'sequence-labeling') checkTags(labels, refuse);
  return labels;
}

/** Sequence labeling reads IOB2: an I- tag only goes on with what a B- tag of its type began. */
function checkTags(labels: readonly string[], refuse: (problem: string) => VeneerError): void {
  const other = labels.find(label => !/^(?:O|[BI]-.+)$/u.test(label));
  if (other !== undefined)
    throw refuse(`${other} is no IOB2 tag (O, B-type, I-type): give the tags by --labels, one a line`);
  if (!labels.includes('O')) throw refuse('tag O is missing');
  const orphan = labels.find(label => label.startsWith('I-') && !labels.includes(`B-${label.slice(2)}`));
  if (orphan !== undefined)
    throw refuse(`${orphan} needs a tag B-${orphan.slice(2)}: only IOB2 can be served`);
}
