/** The README.md of an exported adapter: what it is and the Python that loads it. */
import type { AdapterManifest, EncoderConfig, Head } from '../../functions/artifacts/manifests.ts';
import { familyNames, outputName } from '../../functions/artifacts/modules.ts';
import type { TaskModels } from './task-models.ts';

interface ReadmeArguments {
  manifest: AdapterManifest;
  config: EncoderConfig;
  models: TaskModels;
  /** Transformers' class of the task. */
  model: string;
  /** Where transformers finds the base; null where that is not known. */
  source: string | null;
  /** What `model` does not compute of the adapter's head, if anything. */
  headNote: string | undefined;
}

export function readmeOf({ manifest, config, models, model, source, headNote }: ReadmeArguments): string {
  const { task, lora, head, base, labels, maxLength } = manifest;
  const loaded = headNote === undefined ? model : 'PooledClassifier';
  return `# LoRA adapter: ${task}

Rank ${lora.rank} on ${lora.targetModules.join(', ')} of base \`${base.name}\`${source === null ? '' : ` (${source})`}, ${labels.length} labels, windows of ${maxLength} tokens.
The numbers are those that are served, as float32.
${headNote === undefined ? '' : `\n**Mind the head:** ${headNote}. The class below applies it.\n`}${task === 'question-answering' && config.tokenTypes > 1 ? questionNote : ''}
\`\`\`python
from peft import PeftModel
from transformers import ${models.classes}Config, ${model}
${headNote === undefined ? '' : `\n${pooledClassifier({ model, head, models, config })}`}
config = ${models.classes}Config.from_pretrained("path/to/this/directory")
base = ${loaded}.from_pretrained("${source ?? 'path/to/the/base'}", config=config)
model = PeftModel.from_pretrained(base, "path/to/this/directory").eval()
\`\`\`
`;
}

const questionNote = `
adapter_config.json has no task_type on purpose: PEFT's model for QUESTION_ANS drops token_type_ids, which this adapter was
trained with.
`;

interface ClassArguments {
  model: string;
  head: Head;
  models: TaskModels;
  config: EncoderConfig;
}

function pooledClassifier({ model, head, models, config }: ClassArguments): string {
  const isMean = head.kind === 'pooled' && head.pooling === 'mean';
  const isDense = head.kind === 'pooled' && head.dense;
  const logits = isDense ? models.logits : `self.${outputName(config.family, 'classification')}(pooled)`;
  const setup =
    isDense || models.surplus === undefined
      ? ''
      : `    def __init__(self, config):
        super().__init__(config)
        del self.${models.surplus}

`;
  const types = config.tokenTypes > 1;
  return `class PooledClassifier(${model}):
${setup}    def forward(self, input_ids, attention_mask${types ? ', token_type_ids=None' : ''}, **_):
        inputs = dict(input_ids=input_ids, attention_mask=attention_mask${types ? ', token_type_ids=token_type_ids' : ''})
        hidden = self.${familyNames(config.family).prefix}(**inputs).last_hidden_state
        mask = attention_mask[:, :, None].to(hidden.dtype)
        pooled = ${isMean ? '(hidden * mask).sum(1) / mask.sum(1)' : 'hidden[:, 0]'}
        return ${logits}  # logits [rows, labels]
`;
}
