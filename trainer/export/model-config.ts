/** config.json of an exported model: the encoder as transformers describes it, the labels, and how texts were cut. */
import type { EncoderConfig } from '../../functions/artifacts/manifests.ts';
import { familyOf } from '../models/families.ts';
import type { ExportedFields } from '../peft/model-config.ts';
import { modelClass, taskModelsOf } from '../peft/task-models.ts';
import type { Trained } from '../trained.ts';

export function exportedConfig(
  config: EncoderConfig,
  manifest: Trained['manifest'],
): Record<string, unknown> {
  const { task, labels, head, maxLength, stride, unanswerable } = manifest;
  const veneer: ExportedFields = { head, maxLength, stride, unanswerable };
  const models = taskModelsOf(config.family);
  return {
    ...familyOf(config.family).writeConfig(config),
    ...(models ? { architectures: [modelClass(models, task)] } : {}),
    id2label: Object.fromEntries(labels.map((label, i) => [i, label])),
    label2id: Object.fromEntries(labels.map((label, i) => [label, i])),
    ...(task === 'classification' ? { problem_type: 'single_label_classification' } : {}),
    veneer,
  };
}
