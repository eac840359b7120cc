/** Transformers' task models by family: what exports name, and what a head of theirs is. */
import type { Head } from '../../functions/artifacts/manifests.ts';
import type { TaskName } from '../../functions/artifacts/names.ts';
import { VeneerError } from '../../functions/error.ts';

export interface TaskModels {
  /** What the names of the classes begin with. */
  classes: string;
  /** Modules of the head for whole texts, which PEFT trains whole. */
  head: readonly string[];
  /** Python that makes logits of `pooled` [rows, hidden]. */
  logits: string;
  /** A module that a plain head must be rid of, since PEFT finds it by the ending of its name. */
  surplus?: string;
}

/** BertPooler and RobertaClassificationHead take the first of the tokens that they are given. */
const overPooler = (classes: string, prefix: string): TaskModels => ({
  classes,
  head: ['classifier', 'pooler'],
  logits: `self.classifier(self.${prefix}.pooler(pooled[:, None]))`,
});
const twoLayers = (classes: string): TaskModels => ({
  classes,
  head: ['classifier'],
  logits: 'self.classifier(pooled[:, None])',
});

const taskModels: Record<string, TaskModels> = {
  bert: overPooler('Bert', 'bert'),
  roberta: twoLayers('Roberta'),
  'xlm-roberta': twoLayers('XLMRoberta'),
  camembert: twoLayers('Camembert'),
  distilbert: {
    classes: 'DistilBert',
    head: ['classifier', 'pre_classifier'],
    surplus: 'pre_classifier',
    logits: 'self.classifier(self.pre_classifier(pooled).relu())',
  },
  electra: twoLayers('Electra'),
  mpnet: twoLayers('MPNet'),
  ernie: overPooler('Ernie', 'ernie'),
};

/** What the names of the classes end with. */
const endings: Record<TaskName, string> = {
  classification: 'ForSequenceClassification',
  'sequence-labeling': 'ForTokenClassification',
  'question-answering': 'ForQuestionAnswering',
};

export const modelClass = ({ classes }: TaskModels, task: TaskName) => `${classes}${endings[task]}`;

/** Undefined for families whose task models transformers lacks, or has with other heads. */
export const taskModelsOf = (family: string): TaskModels | undefined => taskModels[family];

/** @throws VeneerError `usage` for a family whose adapters transformers and PEFT could not load. */
export function exportedModels(family: string): TaskModels {
  const models = taskModelsOf(family);
  if (models) return models;
  throw new VeneerError(
    'usage',
    `adapters of ${family} bases cannot be exported, only of ${Object.keys(taskModels).join(', ')}`,
  );
}

/** What PEFT must be told to train whole, for messages. */
export function headModules(family: string): readonly string[] {
  return taskModels[family]?.head ?? ['classifier', 'pooler'];
}

/**
 * The head of a PEFT adapter: as config.json says it beside, else that of transformers' task model.
 * @throws VeneerError where that one cannot be served.
 */
export function importedHead(
  family: string,
  { stated, usual, where }: { stated: Head | undefined; usual: Head; where: string },
): Head {
  if (stated) return stated;
  if (family !== 'modernbert') return usual;
  throw new VeneerError(
    'invalid_artifact',
    `${where}: task models of modernbert have a dense layer and a LayerNorm before the classifier (head.dense, head.norm), which cannot be served; for a plain linear classifier over the encoder say so in field veneer.head, e.g. {"kind": "pooled", "pooling": "mean", "dense": false}`,
  );
}
