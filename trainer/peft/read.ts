/** Reads a directory that PEFT's save_pretrained left as an adapter of a base in the store, ready to publish. */
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { writeAdapter } from '../../functions/artifacts/adapter.ts';
import { baseFile, readBase } from '../../functions/artifacts/bases.ts';
import { canonicalJson, sha256 } from '../../functions/artifacts/digest.ts';
import { AdapterManifest, type BaseManifest, type Problem } from '../../functions/artifacts/manifests.ts';
import { familyNames } from '../../functions/artifacts/modules.ts';
import type { TaskName } from '../../functions/artifacts/names.ts';
import { VeneerError } from '../../functions/error.ts';
import type { FinishedAdapter } from '../../functions/publish.ts';
import type { Store } from '../../functions/store/store.ts';
import { readText } from '../data/files.ts';
import { parseJson } from '../data/json.ts';
import { trainingTasks } from '../tasks/tasks.ts';
import { readWeight, readWeightsFile } from '../weights.ts';
import { windowOptions } from '../window-options.ts';
import { peftFiles, readPeftConfig } from './config.ts';
import { type ModelConfig, peftLabels, readModelConfig } from './model-config.ts';
import { headModules, importedHead } from './task-models.ts';
import { openPeftTensors, takeHead, takeMethod } from './tensors.ts';

/** What PEFT's files do not say. */
export interface PeftReadOptions {
  /** Name of the base in the store. */
  base: string;
  labels?: string;
  maxLength?: number;
  stride?: number;
  unanswerable?: boolean;
  quantization: AdapterManifest['quantization'];
  cacheDir: string;
}

/** A directory with our manifest.json is ours, whatever else lies in it. */
export async function isPeftDirectory(directory: string): Promise<boolean> {
  return (
    (await isFile(join(directory, peftFiles.config))) && !(await isFile(join(directory, 'manifest.json')))
  );
}

function isFile(path: string): Promise<boolean> {
  return stat(path).then(
    entry => entry.isFile(),
    () => false,
  );
}

/** @throws VeneerError where the adapter would compute something else here than in PEFT. */
export async function readPeftDirectory(
  store: Store,
  directory: string,
  options: PeftReadOptions,
  log: (line: string) => void,
): Promise<FinishedAdapter> {
  const base = await readBase(store, options.base);
  const { config } = base;
  const paths = {
    config: join(directory, peftFiles.config),
    tensors: join(directory, peftFiles.tensors),
    model: join(directory, 'config.json'),
  };
  const peft = readPeftConfig(
    parseJson((await readText(paths.config)).text, paths.config),
    paths.config,
    config,
  );
  const model = await readModelConfig(paths.model);
  const file = await readTensorsFile(directory);
  const task = trainingTasks[peft.task];
  const usual = task.head('cls');
  const head = importedHead(config.family, { stated: model.veneer?.head, usual, where: paths.model });
  if (head.kind !== usual.kind)
    throw new VeneerError(
      'invalid_artifact',
      `${paths.model}: veneer.head: a ${head.kind} head is none of ${peft.task}`,
    );

  const source = openPeftTensors(file, paths.tensors);
  const { tensors, settings } = takeMethod(source, peft.method, config);
  if (settings.lora?.targetModules.length === 0)
    throw new VeneerError('invalid_artifact', `${paths.config}: target_modules names no layer of the base`);
  const dense = head.kind === 'pooled' && head.dense;
  const { tensors: headTensors, labels: count } = await takeHead(
    source,
    { task: peft.task, dense, config },
    () => poolerOf(store, base, options.cacheDir),
  );
  source.close();

  const bytes = writeAdapter(new Map([...tensors, ...headTensors]), options.quantization);
  const manifest: AdapterManifest = {
    formatVersion: 1,
    task: peft.task,
    problem: problemOf(peft.task, model, count),
    labels: await peftLabels(
      { task: peft.task, count, labelsFile: options.labels, config: model, configPath: paths.model },
      log,
    ),
    base: { name: base.name, digest: base.digest, tokenizer: base.tokenizer.source.sha256 },
    ...windowOptions(
      task,
      { maxLength: options.maxLength, stride: options.stride, before: model.veneer, virtual: settings },
      base,
    ),
    ...settings,
    head,
    ...(model.veneer?.threshold === undefined ? {} : { threshold: model.veneer.threshold }),
    unanswerable:
      peft.task === 'question-answering' && (options.unanswerable ?? model.veneer?.unanswerable ?? false),
    quantization: options.quantization,
    metrics: { trained: {}, served: {} },
    training: { config: {}, seed: 0, engine: 'peft', dataset: sha256(file) },
    files: { 'adapter.safetensors': { sha256: sha256(bytes), bytes: bytes.length } },
  };
  if (peft.dropsTokenTypes && config.tokenTypes > 1)
    log(
      'warning: PEFT drops token_type_ids under task_type QUESTION_ANS. If it was trained so, it never saw them; it is served with them (1 for the context), and may answer otherwise than there',
    );
  const checked = AdapterManifest.safeParse(manifest);
  if (!checked.success) {
    const [issue] = checked.error.issues;
    throw new VeneerError('invalid_artifact', `${directory}: ${issue?.path.join('.')}: ${issue?.message}`);
  }
  return { manifest, manifestBytes: canonicalJson(manifest), files: { 'adapter.safetensors': bytes } };
}

/** As transformers: one output without a problem_type is a regression. */
function problemOf(task: TaskName, { problem_type }: ModelConfig, outputs: number): Problem {
  if (task !== 'classification') return 'single-label';
  return problem_type ?? (outputs === 1 ? 'regression' : 'single-label');
}

async function readTensorsFile(directory: string): Promise<Uint8Array> {
  const path = join(directory, peftFiles.tensors);
  return readFile(path).catch(async error => {
    const hasPickle = await isFile(join(directory, 'adapter_model.bin'));
    throw new VeneerError(
      'not_found',
      hasPickle
        ? `${directory} has adapter_model.bin, which can run code when read: save it again with safe_serialization=True`
        : `${path}: cannot be read (${error.code})`,
    );
  });
}

async function poolerOf(store: Store, base: BaseManifest, cacheDir: string) {
  const { family } = base.config;
  const { prefix, pooler, head } = familyNames(family);
  const refuse = (problem: string) =>
    new VeneerError(
      'invalid_artifact',
      `the adapter does not train ${problem}: train again with modules_to_save=${JSON.stringify(headModules(family))}`,
    );
  if (head.dense !== `${prefix}.${pooler}`) throw refuse(`${head.dense}, which is no part of a base`);
  const weights = await readWeightsFile(await baseFile(store, base.name, base.trainingWeights, cacheDir));
  const [weight, bias] = [
    await readWeight(weights, `${pooler}.weight`),
    await readWeight(weights, `${pooler}.bias`),
  ];
  if (weight && bias) return { weight, bias };
  throw refuse(`the pooler, and base ${base.name} has none`);
}
