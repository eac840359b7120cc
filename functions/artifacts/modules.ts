/**
 * Where each family keeps its target modules, and the PEFT names of adapter tensors that follow from it. Adding a family
 * to serving is one line here.
 */
import type { TargetModule } from './manifests.ts';

interface FamilyNames {
  /** Attribute of the Hugging Face model that holds the encoder; the prefix of its tensors in a task checkpoint. */
  prefix: string;
  module(layer: number, module: TargetModule): string;
  /** The dense layer between pooling and classifier. */
  pooler: string;
}

const bertModules: Record<TargetModule, string> = {
  q: 'attention.self.query',
  k: 'attention.self.key',
  v: 'attention.self.value',
  o: 'attention.output.dense',
  u: 'intermediate.dense',
  d: 'output.dense',
};

const families: Record<string, FamilyNames> = {
  bert: {
    prefix: 'bert',
    module: (layer, module) => `encoder.layer.${layer}.${bertModules[module]}`,
    pooler: 'pooler.dense',
  },
};

export function familyNames(family: string): FamilyNames {
  const names = families[family];
  if (!names) throw new Error(`unknown family ${family}; known: ${Object.keys(families).join(', ')}`);
  return names;
}

/** `lora_A.weight` is [rank, in], `lora_B.weight` is [out, rank], as in PEFT. */
export function loraNames(family: string, layer: number, module: TargetModule): { a: string; b: string } {
  const { prefix, module: path } = familyNames(family);
  const stem = `base_model.model.${prefix}.${path(layer, module)}`;
  return { a: `${stem}.lora_A.weight`, b: `${stem}.lora_B.weight` };
}

/** Names of the head's tensors: `weight` [labels, hidden], `bias` [labels], and of its dense layer [hidden, hidden], [hidden]. */
export function headNames(family: string, task: string) {
  const { prefix, pooler } = familyNames(family);
  const output = task === 'question-answering' ? 'qa_outputs' : 'classifier';
  return {
    weight: `base_model.model.${output}.weight`,
    bias: `base_model.model.${output}.bias`,
    denseWeight: `base_model.model.${prefix}.${pooler}.weight`,
    denseBias: `base_model.model.${prefix}.${pooler}.bias`,
  };
}

/** Input and output width of a target module. */
export function moduleWidths(
  config: { hiddenSize: number; intermediateSize: number },
  module: TargetModule,
): { in: number; out: number } {
  const { hiddenSize, intermediateSize } = config;
  if (module === 'u') return { in: hiddenSize, out: intermediateSize };
  if (module === 'd') return { in: intermediateSize, out: hiddenSize };
  return { in: hiddenSize, out: hiddenSize };
}
