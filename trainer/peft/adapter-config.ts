/**
 * PEFT's adapter_config.json of an adapter that is exported, and the names and shapes that its tensors have there. Fields:
 * PEFT's LoraConfig, IA3Config, PromptTuningConfig and PrefixTuningConfig.
 */
import type { FloatTensor } from '../../functions/artifacts/adapter.ts';
import type { AdapterManifest, EncoderConfig, TargetModule } from '../../functions/artifacts/manifests.ts';
import { familyNames, outputName, scalesInput, virtualName } from '../../functions/artifacts/modules.ts';
import { virtualCount } from '../../functions/artifacts/virtual-tokens.ts';
import { VeneerError } from '../../functions/error.ts';
import { taskTypes } from './config.ts';
import type { TaskModels } from './task-models.ts';

interface ConfigArguments {
  config: EncoderConfig;
  models: TaskModels;
  source: string | null;
}

export function adapterConfig(manifest: AdapterManifest, { config, models, source }: ConfigArguments) {
  const { task, head } = manifest;
  const output = outputName(config.family, task);
  const whole = head.kind === 'pooled' && head.dense ? models.head : [output];
  // Without a task_type PEFT passes everything on and trains whole what it is told: its model for QUESTION_ANS drops
  // token_type_ids, that for SEQ_CLS wants all of `classifier`, of which a plain head has the last layer only. Prompts and
  // prefixes it has in its models for tasks alone.
  const untyped = task === 'question-answering' || whole.includes('classifier.out_proj');
  return {
    task_type: untyped && virtualCount(manifest) === 0 ? null : taskTypes[task],
    base_model_name_or_path: source,
    inference_mode: true,
    modules_to_save: whole,
    ...methodFields(manifest, config),
  };
}

function methodFields({ lora, ia3, prompt, prefix }: AdapterManifest, config: EncoderConfig) {
  const { hiddenSize, embeddingSize = hiddenSize, layers, heads } = config;
  if (lora)
    return {
      peft_type: 'LORA',
      r: lora.rank,
      lora_alpha: lora.alpha,
      lora_dropout: 0,
      bias: 'none',
      target_modules: layersOf(config, lora.targetModules),
    };
  if (ia3) {
    const inputs = ia3.targetModules.filter(scalesInput);
    return {
      peft_type: 'IA3',
      target_modules: layersOf(config, ia3.targetModules),
      feedforward_modules: inputs.length > 0 ? layersOf(config, inputs) : [],
    };
  }
  return {
    peft_type: prompt ? 'PROMPT_TUNING' : 'PREFIX_TUNING',
    num_virtual_tokens: virtualCount({ prompt, prefix }),
    num_transformer_submodules: 1,
    num_layers: layers,
    num_attention_heads: heads,
    token_dim: prompt ? embeddingSize : hiddenSize,
    ...(prompt
      ? { prompt_tuning_init: 'RANDOM' }
      : { prefix_projection: false, encoder_hidden_size: hiddenSize }),
  };
}

/** An expression for whole names: as an ending, output.dense would mean attention.output.dense as well. */
function layersOf({ family }: EncoderConfig, modules: readonly TargetModule[]): string {
  const { prefix, module: pathOf } = familyNames(family);
  const escaped = (name: string) => name.replaceAll('.', '\\.');
  const paths = modules.map(module => pathOf(0, module).split('.0.') as [string, string]);
  return `${escaped(`${prefix}.${paths[0]![0]}`)}\\.\\d+\\.(${paths.map(([, name]) => escaped(name)).join('|')})`;
}

/** @throws VeneerError `usage` for an adapter that PEFT would load and compute otherwise. */
export function checkVirtual(manifest: AdapterManifest, { tokenTypes }: EncoderConfig): void {
  if (virtualCount(manifest) > 0 && manifest.task === 'question-answering' && tokenTypes > 1)
    throw new VeneerError(
      'usage',
      "PEFT's model for QUESTION_ANS, which alone has prompts and prefixes, drops the token types that this adapter was trained with: it cannot be exported for PEFT",
    );
}

/** PEFT's models for prompts and prefixes have no `model` in the names of their heads, and a prefix a row a token. */
export function peftTensors(
  manifest: AdapterManifest,
  config: EncoderConfig,
  tensors: ReadonlyMap<string, FloatTensor>,
): ReadonlyMap<string, FloatTensor> {
  if (virtualCount(manifest) === 0) return tensors;
  const { prefix } = manifest;
  const wide = prefix && [prefix.tokens, config.layers * 2 * config.hiddenSize];
  return new Map(
    Array.from(tensors, ([name, { shape, data }]) => [
      name.replace(/^base_model\.model\./, 'base_model.'),
      { shape: name === virtualName && wide ? wide : shape, data },
    ]),
  );
}
