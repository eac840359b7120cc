/** What a run comes to: how its parameters are scored on the way, and the files that hold them in the end. */
import { type FloatTensor, readAdapter, writeAdapter } from '../functions/artifacts/adapter.ts';
import { canonicalJson, sha256 } from '../functions/artifacts/digest.ts';
import type { AdapterManifest, Metrics } from '../functions/artifacts/manifests.ts';
import type { Base } from '../functions/base.ts';
import type { Draft } from './draft-manifest.ts';
import type { Engine, WeightsFile } from './engines/engine.ts';
import { evaluate } from './evaluate.ts';
import { forwardEngine, standIn } from './forward-engine.ts';
import type { HeadSpec } from './heads.ts';
import { type MethodSpec, methodOf, settingsOf } from './methods/methods.ts';
import { type Layout, views } from './parameters.ts';
import { type RunManifest, runFiles } from './run-directory.ts';
import { buildStep } from './step.ts';
import type { AnyTrainingTask } from './tasks/training-task.ts';

export interface Outcome {
  /** Of the float32 parameters. */
  score(values: Float32Array, examples: readonly { where: string }[]): Promise<Metrics>;
  /** Of the tensors as they will be stored; undefined where they are not served. */
  scoreServed?(values: Float32Array, examples: readonly { where: string }[]): Promise<Metrics>;
  /** The last one makes the directory complete. */
  files(values: Float32Array, metrics: AdapterManifest['metrics']): [name: string, bytes: Uint8Array][];
  /** Files of the other kind of outcome, which an earlier run may have left. */
  obsolete: readonly string[];
  close(): Promise<void>;
}

export interface OutcomeArguments {
  base: Base;
  task: AnyTrainingTask;
  method: MethodSpec;
  head: HeadSpec;
  quantization: AdapterManifest['quantization'];
  layout: Layout;
  draft: Draft;
  engine: Engine;
  weights: WeightsFile;
  /** The examples on which a threshold may be chosen. */
  dev: readonly { where: string }[] | undefined;
  onProgress(done: number, total: number): void;
}

const adapterFiles = ['manifest.json', 'adapter.safetensors'] as const;

export function floatTensors(layout: Layout, values: Float32Array): Map<string, FloatTensor> {
  const parts = views(layout, values);
  return new Map(layout.parameters.map(({ name, shape }) => [name, { shape, data: parts.get(name)! }]));
}

/** What training found out: metrics and, where they were chosen on dev, the threshold. */
function found(
  metrics: AdapterManifest['metrics'],
  { threshold }: Metrics,
  dev: OutcomeArguments['dev'],
): Pick<AdapterManifest, 'metrics' | 'threshold'> {
  return { metrics, ...(dev && threshold !== undefined ? { threshold } : {}) };
}

export function openOutcome(args: OutcomeArguments): Promise<Outcome> {
  const isServed = methodOf(args.method).unserved === null && !args.head.cloze;
  return isServed ? adapterOutcome(args) : runOutcome(args);
}

async function adapterOutcome(args: OutcomeArguments): Promise<Outcome> {
  const { base, task, method, layout, draft, dev, onProgress } = args;
  const manifestOf = (quantization: AdapterManifest['quantization'], file: Uint8Array): AdapterManifest => ({
    ...draft,
    ...settingsOf(method),
    quantization,
    files: { 'adapter.safetensors': { sha256: sha256(file), bytes: file.length } },
  });
  const score = async (
    values: Float32Array,
    quantization: AdapterManifest['quantization'],
    examples: readonly { where: string }[],
  ) => {
    const file = writeAdapter(floatTensors(layout, values), quantization);
    const { config } = base.manifest;
    const manifest = manifestOf(quantization, file);
    const adapter = readAdapter(file, { manifest, digest: sha256(file), config });
    return evaluate({ base, adapter, task, examples, onDev: examples === dev, onProgress });
  };
  return {
    score: (values, examples) => score(values, 'float32', examples),
    scoreServed: (values, examples) => score(values, args.quantization, examples),
    files(values, metrics) {
      const file = writeAdapter(floatTensors(layout, values), args.quantization);
      const manifest = { ...manifestOf(args.quantization, file), ...found(metrics, metrics.served, dev) };
      return [
        ['adapter.safetensors', file],
        ['manifest.json', canonicalJson(manifest)],
      ];
    },
    obsolete: Object.values(runFiles),
    close: async () => {},
  };
}

async function runOutcome(args: OutcomeArguments): Promise<Outcome> {
  const { base, task, method, head, layout, draft, engine, weights, dev, onProgress } = args;
  // The step's own logits may be of training alone, where elements are dropped.
  const { logits } = buildStep({ config: base.manifest.config, method, head });
  const program = await engine.compile({ outputs: { logits }, weights });
  return {
    score(values, examples) {
      const forward = forwardEngine({ program, base: base.manifest, head, layout, values });
      const scored = { tokenizer: base.tokenizer, engine: forward };
      const onDev = examples === dev;
      return evaluate({ base: scored, adapter: standIn(draft), task, examples, onDev, onProgress });
    },
    files(values, metrics) {
      const file = writeAdapter(floatTensors(layout, values), 'float32');
      const ref = { sha256: sha256(file), bytes: file.length };
      const manifest: RunManifest = {
        ...{ ...draft, ...found(metrics, metrics.trained, dev) },
        ...{ method, files: { [runFiles.parameters]: ref } },
        ...(head.cloze ? { cloze: head.cloze } : {}),
      };
      return [
        [runFiles.parameters, file],
        [runFiles.manifest, canonicalJson(manifest)],
      ];
    },
    obsolete: adapterFiles,
    close: () => program.close(),
  };
}
