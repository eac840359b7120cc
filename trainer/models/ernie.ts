/**
 * ERNIE, to version 3.0 (https://arxiv.org/abs/2107.02137): BERT and, with use_task_id, an embedding of the task type,
 * which is 0 for every text, as transformers' ErnieModel takes it.
 */
import { bertNames } from './bert.ts';
import { bertFields, readEncoderConfig, writeEncoderConfig } from './config.ts';
import type { Family } from './family.ts';
import { postNorm } from './post-norm.ts';

const withTasks = { ...bertFields, taskTypes: 'task_type_vocab_size' } as const;

export const ernie: Family = {
  name: 'ernie',
  readConfig: json =>
    readEncoderConfig({
      json,
      family: 'ernie',
      fields: json.use_task_id === true ? withTasks : bertFields,
      rest: { positionOffset: 0 },
    }),
  writeConfig: config => ({
    ...writeEncoderConfig(config, config.taskTypes ? withTasks : bertFields),
    use_task_id: config.taskTypes !== undefined,
  }),
  ...postNorm({ ...bertNames, taskTypes: 'embeddings.task_type_embeddings' }),
};
