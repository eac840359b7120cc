/** Trainings that never ran: a method's parameters and a head with random values, in a directory as `train` leaves it. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type FloatTensor, writeAdapter } from '../../functions/artifacts/adapter.ts';
import { canonicalJson, sha256 } from '../../functions/artifacts/digest.ts';
import type { BaseManifest, Head } from '../../functions/artifacts/manifests.ts';
import type { TaskName } from '../../functions/artifacts/names.ts';
import { headParameters } from '../../trainer/heads.ts';
import { type MethodName, methodOf, methodParameters, specOf } from '../../trainer/methods/methods.ts';
import { uniform } from '../../trainer/random.ts';
import { runFiles } from '../../trainer/run-directory.ts';

export interface TrainingSpec {
  task: TaskName;
  head: Head;
  method?: MethodName;
  labels?: string[];
}

const labelsOf: Record<TaskName, string[]> = {
  classification: ['a', 'b', 'c'],
  'sequence-labeling': ['O', 'B-x', 'I-x'],
  'question-answering': ['start', 'end'],
};

const isGain = (name: string) => /(?:ia3_l|magnitude_vector|LayerNorm\.weight)$/.test(name);

export function randomTensors(
  base: BaseManifest,
  { task, head, method = 'lora', labels = labelsOf[task] }: TrainingSpec,
) {
  const { config } = base;
  const spec = specOf(method, {});
  const parameters = [
    ...methodParameters(config, spec),
    ...headParameters(config, { task, head, labels: labels.length }),
  ];
  const tensors = new Map<string, FloatTensor>(
    parameters.map(({ name, shape }, index) => {
      const size = shape.reduce((a, b) => a * b, 1);
      const draw = (_: unknown, i: number) =>
        (uniform({ seed: 5, stream: 11 }, index, i) - 0.5) / 2 + Number(isGain(name));
      return [name, { shape, data: Float32Array.from({ length: size }, draw) }];
    }),
  );
  return { spec, tensors, labels };
}

/** Writes the directory and returns it. */
export async function writeTraining(
  directory: string,
  base: BaseManifest,
  training: TrainingSpec,
): Promise<string> {
  const { spec, tensors, labels } = randomTensors(base, training);
  const file = writeAdapter(tensors, 'float32');
  const ref = { sha256: sha256(file), bytes: file.length };
  const { name, ...settings } = spec;
  const isServed = methodOf(spec).unserved === null;
  const manifest = {
    formatVersion: 1,
    task: training.task,
    labels,
    base: { name: base.name, digest: base.digest, tokenizer: base.tokenizer.source.sha256 },
    ...{ maxLength: 24, stride: 5, head: training.head, unanswerable: false },
    metrics: { trained: {}, served: {} },
    training: { config: {}, seed: 5, engine: 'none', dataset: sha256('no data') },
    ...(isServed
      ? { [name]: settings, quantization: 'float32', files: { 'adapter.safetensors': ref } }
      : { method: spec, files: { [runFiles.parameters]: ref } }),
  };
  await mkdir(directory, { recursive: true });
  await writeFile(join(directory, isServed ? 'adapter.safetensors' : runFiles.parameters), file);
  await writeFile(join(directory, isServed ? 'manifest.json' : runFiles.manifest), canonicalJson(manifest));
  return directory;
}
