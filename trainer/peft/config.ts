/** PEFT's adapter_config.json: which task, and which method with which settings (a file each). */
import * as z from 'zod';
import type { EncoderConfig } from '../../functions/artifacts/manifests.ts';
import type { TaskName } from '../../functions/artifacts/names.ts';
import { VeneerError } from '../../functions/error.ts';
import { type PeftIa3, readIa3Config } from './ia3-config.ts';
import { type PeftLora, parsePeft, type Refuse, readLoraConfig } from './lora-config.ts';
import { type PeftVirtual, readPrefixConfig, readPromptConfig } from './virtual-config.ts';

export const peftFiles = { config: 'adapter_config.json', tensors: 'adapter_model.safetensors' } as const;

export const taskTypes = {
  classification: 'SEQ_CLS',
  'sequence-labeling': 'TOKEN_CLS',
  'question-answering': 'QUESTION_ANS',
} as const satisfies Record<TaskName, string>;

export type PeftMethod = PeftLora | PeftIa3 | PeftVirtual;

export interface PeftAdapter {
  task: TaskName;
  /** Whether PEFT's model for this task_type passes all token types as 0 (PeftModelForQuestionAnswering.forward, 0.21). */
  dropsTokenTypes: boolean;
  method: PeftMethod;
}

type Read = (json: unknown, config: EncoderConfig, bad: Refuse) => PeftMethod;

/** By peft_type. What P_TUNING's encoder makes of its tokens is saved as a prompt. */
const methods: Record<string, Read> = {
  LORA: readLoraConfig,
  IA3: readIa3Config,
  PROMPT_TUNING: readPromptConfig,
  P_TUNING: readPromptConfig,
  PREFIX_TUNING: readPrefixConfig,
};

const Common = z.object({
  peft_type: z.string(),
  task_type: z.string().nullish(),
  modules_to_save: z.array(z.string()).nullish(),
});

/** @param what The file's path, for messages. */
export function readPeftConfig(json: unknown, what: string, config: EncoderConfig): PeftAdapter {
  const bad = (problem: string) => new VeneerError('invalid_artifact', `${what}: ${problem}`);
  const common = parsePeft(Common, json, bad);
  const read = Object.hasOwn(methods, common.peft_type) && methods[common.peft_type];
  if (!read)
    throw bad(`peft_type ${common.peft_type} cannot be served, only ${Object.keys(methods).join(', ')}`);
  const method = read(json, config, bad);
  return {
    task: taskOf(common, bad),
    dropsTokenTypes: common.task_type === taskTypes['question-answering'],
    method,
  };
}

/** Where the head's name tells the task, it can be told without task_type, as `write.ts` leaves it. */
function taskOf(
  { task_type: taskType, modules_to_save: whole }: z.infer<typeof Common>,
  bad: Refuse,
): TaskName {
  const found = Object.entries(taskTypes).find(([, type]) => type === taskType);
  if (found) return found[0] as TaskName;
  if (!taskType && whole?.includes('qa_outputs')) return 'question-answering';
  if (!taskType && whole?.includes('classifier.out_proj')) return 'classification';
  throw bad(`task_type ${taskType ?? 'is not given'}: it must be ${Object.values(taskTypes).join(', ')}`);
}
