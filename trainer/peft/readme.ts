/** The README.md of an exported adapter: what it is and the Python that loads it. */
import type { AdapterManifest, Head } from '../../functions/artifacts/manifests.ts';

interface ReadmeArguments {
  manifest: AdapterManifest;
  /** Transformers' class of the task. */
  model: string;
  /** Where transformers finds the base; null where that is not known. */
  source: string | null;
  /** What `model` does not compute of the adapter's head, if anything. */
  headNote: string | undefined;
}

export function readmeOf({ manifest, model, source, headNote }: ReadmeArguments): string {
  const { task, lora, head, base, labels, maxLength } = manifest;
  const loaded = headNote === undefined ? model : 'PooledClassifier';
  return `# LoRA adapter: ${task}

Rank ${lora.rank} on ${lora.targetModules.join(', ')} of base \`${base.name}\`${source === null ? '' : ` (${source})`}, ${labels.length} labels, windows of ${maxLength} tokens.
The numbers are those that are served, as float32.
${headNote === undefined ? '' : `\n**Mind the head:** ${headNote}. The class below applies it.\n`}${task === 'question-answering' ? questionNote : ''}
\`\`\`python
from peft import PeftModel
from transformers import BertConfig, ${model}
${headNote === undefined ? '' : `\n${pooledClassifier(model, head)}`}
config = BertConfig.from_pretrained("path/to/this/directory")
base = ${loaded}.from_pretrained("${source ?? 'path/to/the/base'}", config=config)
model = PeftModel.from_pretrained(base, "path/to/this/directory").eval()
\`\`\`
`;
}

const questionNote = `
adapter_config.json has no task_type on purpose: PEFT's model for QUESTION_ANS drops token_type_ids, which this adapter was
trained with.
`;

/** BertPooler takes the first of the tokens that it is given. */
function pooledClassifier(model: string, head: Head): string {
  const isMean = head.kind === 'pooled' && head.pooling === 'mean';
  const output = head.kind === 'pooled' && head.dense ? 'self.bert.pooler(pooled[:, None])' : 'pooled';
  return `class PooledClassifier(${model}):
    def forward(self, input_ids, attention_mask, token_type_ids=None, **_):
        hidden = self.bert(input_ids, attention_mask, token_type_ids).last_hidden_state
        mask = attention_mask[:, :, None].to(hidden.dtype)
        pooled = ${isMean ? '(hidden * mask).sum(1) / mask.sum(1)' : 'hidden[:, 0]'}
        return self.classifier(${output})  # logits [rows, labels]
`;
}
