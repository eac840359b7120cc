/**
 * Where each family keeps its target modules and its head, and the PEFT names of adapter tensors that follow from it.
 * Adding a family to serving is one line here.
 */
import type { EncoderConfig, TargetModule } from './manifests.ts';

/** The head of the family's task model for whole texts, by names in that model: output(activation(dense(x))). */
interface HeadNames {
  dense: string;
  activation: 'tanh' | 'gelu' | 'relu';
  output: string;
}

interface FamilyNames {
  /** Attribute of the Hugging Face model that holds the encoder; the prefix of its tensors in a task checkpoint. */
  prefix: string;
  module(layer: number, module: TargetModule): string;
  /** The dense layer that a checkpoint may have been trained to pool with; a head's dense layer starts from it. */
  pooler: string;
  head: HeadNames;
}

/** Modules inside a layer. */
type ModuleNames = Record<TargetModule, string>;

const bertModules: ModuleNames = {
  q: 'attention.self.query',
  k: 'attention.self.key',
  v: 'attention.self.value',
  o: 'attention.output.dense',
  u: 'intermediate.dense',
  d: 'output.dense',
};
const distilbertModules: ModuleNames = {
  q: 'attention.q_lin',
  k: 'attention.k_lin',
  v: 'attention.v_lin',
  o: 'attention.out_lin',
  u: 'ffn.lin1',
  d: 'ffn.lin2',
};
const mpnetModules: ModuleNames = {
  q: 'attention.attn.q',
  k: 'attention.attn.k',
  v: 'attention.attn.v',
  o: 'attention.attn.o',
  u: 'intermediate.dense',
  d: 'output.dense',
};
const ernieMModules: ModuleNames = {
  q: 'self_attn.self_attn.q_proj',
  k: 'self_attn.self_attn.k_proj',
  v: 'self_attn.self_attn.v_proj',
  o: 'self_attn.out_proj',
  u: 'linear1',
  d: 'linear2',
};
/** The checkpoint has q, k and v as one layer Wqkv, which is cut when a base is built (trainer/models/modernbert.ts). */
const modernbertModules: ModuleNames = {
  q: 'attn.q',
  k: 'attn.k',
  v: 'attn.v',
  o: 'attn.Wo',
  u: 'mlp.Wi',
  d: 'mlp.Wo',
};

const inLayers = (layers: string, modules: ModuleNames) => (layer: number, module: TargetModule) =>
  `${layers}.${layer}.${modules[module]}`;
const encoderLayers = (modules: ModuleNames) => inLayers('encoder.layer', modules);

const pooler = 'pooler.dense';
/** Over the encoder's own pooler, as BertForSequenceClassification. */
const pooledBy = (prefix: string): HeadNames => ({
  dense: `${prefix}.${pooler}`,
  activation: 'tanh',
  output: 'classifier',
});
/** A classifier of two layers, as RobertaClassificationHead. */
const twoLayers = (activation: HeadNames['activation']): HeadNames => ({
  dense: 'classifier.dense',
  activation,
  output: 'classifier.out_proj',
});
const roberta: FamilyNames = {
  prefix: 'roberta',
  module: encoderLayers(bertModules),
  pooler,
  head: twoLayers('tanh'),
};

const families: Record<string, FamilyNames> = {
  bert: { prefix: 'bert', module: encoderLayers(bertModules), pooler, head: pooledBy('bert') },
  roberta,
  'xlm-roberta': roberta,
  camembert: roberta,
  distilbert: {
    prefix: 'distilbert',
    module: inLayers('transformer.layer', distilbertModules),
    pooler,
    head: { dense: 'pre_classifier', activation: 'relu', output: 'classifier' },
  },
  electra: { prefix: 'electra', module: encoderLayers(bertModules), pooler, head: twoLayers('gelu') },
  mpnet: { prefix: 'mpnet', module: encoderLayers(mpnetModules), pooler, head: twoLayers('tanh') },
  ernie: { prefix: 'ernie', module: encoderLayers(bertModules), pooler, head: pooledBy('ernie') },
  ernie_m: {
    prefix: 'ernie_m',
    module: inLayers('encoder.layers', ernieMModules),
    pooler,
    head: pooledBy('ernie_m'),
  },
  // Not the head of its task models, whose LayerNorm no head here has (trainer/peft/task-models.ts).
  modernbert: {
    prefix: 'model',
    module: inLayers('layers', modernbertModules),
    pooler,
    head: pooledBy('model'),
  },
};

export function familyNames(family: string): FamilyNames {
  const names = families[family];
  if (!names) throw new Error(`unknown family ${family}; known: ${Object.keys(families).join(', ')}`);
  return names;
}

/** Names of the LoRA pair on a layer of the task model. `lora_A.weight` is [rank, in], `lora_B.weight` is [out, rank]. */
export function loraNamesOf(path: string): { a: string; b: string } {
  const stem = `base_model.model.${path}`;
  return { a: `${stem}.lora_A.weight`, b: `${stem}.lora_B.weight` };
}

/** As in PEFT. */
export function loraNames(family: string, layer: number, module: TargetModule): { a: string; b: string } {
  const { prefix, module: path } = familyNames(family);
  return loraNamesOf(`${prefix}.${path(layer, module)}`);
}

/** As in PEFT. */
export function ia3Name(family: string, layer: number, module: TargetModule): string {
  const { prefix, module: path } = familyNames(family);
  return `base_model.model.${prefix}.${path(layer, module)}.ia3_l`;
}

/** Whether IA3 scales what a module reads, and not what it gives. */
export const scalesInput = (module: TargetModule) => module === 'o' || module === 'd';

/** As in PEFT: a row for what scales an input, a column for an output. */
export function ia3Shape(config: EncoderConfig, module: TargetModule): [number, number] {
  const widths = moduleWidths(config, module);
  return scalesInput(module) ? [1, widths.in] : [widths.out, 1];
}

/** PEFT's name of a prompt, and of a prefix. */
export const virtualName = 'prompt_embeddings';

/** The task model's last layer. */
export function outputName(family: string, task: string): string {
  if (task === 'question-answering') return 'qa_outputs';
  return task === 'classification' ? familyNames(family).head.output : 'classifier';
}

/** Names of the head's tensors: `weight` [labels, hidden], `bias` [labels], and of its dense layer [hidden, hidden], [hidden]. */
export function headNames(family: string, task: string) {
  const { head } = familyNames(family);
  const output = outputName(family, task);
  return {
    weight: `base_model.model.${output}.weight`,
    bias: `base_model.model.${output}.bias`,
    denseWeight: `base_model.model.${head.dense}.weight`,
    denseBias: `base_model.model.${head.dense}.bias`,
  };
}

/** Input and output width of a target module. */
export function moduleWidths(
  { hiddenSize, intermediateSize, gated }: Pick<EncoderConfig, 'hiddenSize' | 'intermediateSize' | 'gated'>,
  module: TargetModule,
): { in: number; out: number } {
  if (module === 'u') return { in: hiddenSize, out: gated ? 2 * intermediateSize : intermediateSize };
  if (module === 'd') return { in: intermediateSize, out: hiddenSize };
  return { in: hiddenSize, out: hiddenSize };
}
