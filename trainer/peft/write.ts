/** An adapter as the files of a directory that PEFT loads over transformers' task models, with the same logits. */
import type { FloatTensor } from '../../functions/artifacts/adapter.ts';
import { canonicalJson } from '../../functions/artifacts/digest.ts';
import type { AdapterManifest, BaseManifest, Head } from '../../functions/artifacts/manifests.ts';
import { writeSafetensors } from '../../functions/artifacts/safetensors.ts';
import { catalog } from '../base/catalog.ts';
import { familyOf } from '../models/families.ts';
import { adapterConfig, checkVirtual, peftTensors } from './adapter-config.ts';
import { peftFiles } from './config.ts';
import { type ExportedFields, problemTypes } from './model-config.ts';
import { readmeOf } from './readme.ts';
import { exportedModels, modelClass } from './task-models.ts';

export interface PeftExport {
  files: Map<string, Uint8Array>;
  /** Where transformers has no model with this head: what to know about it. */
  warning?: string;
}

/** @param tensors The adapter's float tensors by their stored names, which are PEFT's. */
export function peftExport(
  manifest: AdapterManifest,
  base: BaseManifest,
  tensors: ReadonlyMap<string, FloatTensor>,
): PeftExport {
  const { family } = base.config;
  const models = exportedModels(family);
  checkVirtual(manifest, base.config);
  const { task, problem, head, labels, maxLength, stride, unanswerable, threshold } = manifest;
  const model = modelClass(models, task);
  const source = hubName(base);
  const headNote = headNoteOf(head, model);
  const veneer: ExportedFields = {
    ...{ head, maxLength, stride, unanswerable },
    ...(threshold === undefined ? {} : { threshold }),
  };
  const modelConfig = {
    ...familyOf(family).writeConfig(base.config),
    architectures: [model],
    id2label: Object.fromEntries(labels.map((label, i) => [i, label])),
    ...(task === 'classification' ? { problem_type: problemTypes[problem] } : {}),
    label2id: Object.fromEntries(labels.map((label, i) => [label, i])),
    veneer,
  };
  return {
    files: new Map([
      [peftFiles.tensors, tensorsFile(peftTensors(manifest, base.config, tensors))],
      ['config.json', canonicalJson(modelConfig)],
      [
        'README.md',
        new TextEncoder().encode(
          readmeOf({ manifest, config: base.config, models, model, source, headNote }),
        ),
      ],
      // Last: what has it is whole.
      [peftFiles.config, canonicalJson(adapterConfig(manifest, { config: base.config, models, source }))],
    ]),
    ...(headNote === undefined
      ? {}
      : { warning: `${headNote}: README.md has the Python class that applies it` }),
  };
}

/** Transformers' task models read every token, or the first one through the pooler. */
function headNoteOf(head: Head, model: string): string | undefined {
  if (head.kind === 'token' || (head.pooling === 'cls' && head.dense)) return undefined;
  const kind = head.pooling === 'mean' ? 'is mean-pooled' : 'reads the first token without a pooler';
  return `the head ${kind}, unlike transformers' ${model}`;
}

function tensorsFile(tensors: ReadonlyMap<string, FloatTensor>): Uint8Array {
  return writeSafetensors(
    [...tensors].map(([name, { shape, data }]) => {
      const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
      return [name, { dtype: 'F32' as const, shape: [...shape], data: bytes }] as const;
    }),
    { format: 'pt' },
  );
}

/** Where transformers finds the base, if that is known. */
function hubName({ source: { location } }: BaseManifest): string | null {
  if (location.startsWith('hub:')) return location.slice('hub:'.length);
  return Object.values(catalog).find(entry => location === `package:${entry.package}`)?.hub ?? null;
}
