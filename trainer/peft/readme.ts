/** The README.md of an exported adapter: what it is and the Python that loads it. */
import type { AdapterManifest, EncoderConfig } from '../../functions/artifacts/manifests.ts';
import { familyNames, outputName } from '../../functions/artifacts/modules.ts';
import { describeMethod, methodIn } from '../methods/methods.ts';
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
  const { task, head, base, labels, maxLength, prompt, prefix } = manifest;
  const loaded = headNote === undefined ? model : 'PooledClassifier';
  const method = methodIn(manifest);
  return `# Adapter: ${task}

Method ${describeMethod(method)}${'rank' in method ? `, rank ${method.rank},` : ''} of base \`${base.name}\`${source === null ? '' : ` (${source})`}, ${labels.length} labels, windows of ${maxLength} tokens.
The numbers are those that are served, as float32.
${headNote === undefined ? '' : `\n**Mind the head:** ${headNote}. The class below applies it.\n`}${task === 'question-answering' && config.tokenTypes > 1 ? questionNote : ''}${prompt && head.kind === 'token' ? promptNote(prompt.tokens) : ''}${prefix ? prefixNote : ''}
\`\`\`python
from peft import PeftModel
from transformers import ${models.classes}Config, ${model}
${headNote === undefined ? '' : `\n${pooledClassifier({ manifest, model, models, config })}`}
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

const promptNote = (tokens: number) => `
Logits of the ${tokens} tokens of the prompt come first: \`logits[:, ${tokens}:]\` are those of the text.
`;

const prefixNote = `
PEFT has prefixes where the model takes \`past_key_values\`, as encoders in transformers 4.49 do and in transformers 5 do not.
`;

interface ClassArguments {
  manifest: AdapterManifest;
  model: string;
  models: TaskModels;
  config: EncoderConfig;
}

function pooledClassifier({ manifest, model, models, config }: ClassArguments): string {
  const { head, prompt, prefix } = manifest;
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
  // What PEFT gives the model in place of ids, or beside them.
  const given = prompt ? ['inputs_embeds'] : prefix ? ['past_key_values'] : [];
  const optional = [...(config.tokenTypes > 1 ? ['token_type_ids'] : []), ...given];
  const names = ['input_ids', 'attention_mask'].map(name => (prompt ? `${name}=None` : name));
  const own = prefix ? '-hidden.shape[1]:' : ':';
  return `class PooledClassifier(${model}):
${setup}    def forward(self, ${[...names, ...optional.map(name => `${name}=None`)].join(', ')}, **_):
        inputs = dict(${['input_ids', 'attention_mask', ...optional].map(name => `${name}=${name}`).join(', ')})
        hidden = self.${familyNames(config.family).prefix}(**inputs).last_hidden_state
        mask = attention_mask[:, ${own}, None].to(hidden.dtype)
        pooled = ${isMean ? '(hidden * mask).sum(1) / mask.sum(1)' : 'hidden[:, 0]'}
        return ${logits}  # logits [rows, labels]
`;
}
