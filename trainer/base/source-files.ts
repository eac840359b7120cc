/** The files of a Hugging Face directory that a base is built from, and what to do where one is missing. */
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Pooling } from '../../functions/artifacts/manifests.ts';
import { VeneerError } from '../../functions/error.ts';

export const requiredFiles = ['config.json', 'tokenizer.json', 'model.safetensors'] as const;
/** Sentence-transformers' word on how the checkpoint was trained to pool. */
export const poolingFile = '1_Pooling/config.json';

type RequiredFile = (typeof requiredFiles)[number];

/** What may be there in the place of a file, and how to make it. */
const substitutes: { [File in RequiredFile]?: [others: string[], advice: string] } = {
  'model.safetensors': [
    ['model.safetensors.index.json', 'pytorch_model.bin'],
    'load the model with transformers and save it as one file: model.save_pretrained(DIR, safe_serialization=True, max_shard_size="100GB")',
  ],
  'tokenizer.json': [
    ['tokenizer_config.json', 'vocab.txt', 'vocab.json', 'sentencepiece.bpe.model', 'spiece.model'],
    'write it with transformers: AutoTokenizer.from_pretrained(DIR).save_pretrained(DIR)',
  ],
};

export async function readSourceFile(directory: string, name: RequiredFile): Promise<Uint8Array> {
  const path = join(directory, name);
  return readFile(path).catch(async error => {
    const [others, advice] = substitutes[name] ?? [[], ''];
    for (const other of others)
      if (await isThere(join(directory, other)))
        throw unreadable(path, error, `; there is ${other} instead: ${advice}`);
    throw unreadable(path, error, '');
  });
}

/** As 1_Pooling/config.json says, or else `usual`. */
export async function poolingOf(directory: string, usual: Pooling): Promise<Pooling> {
  const path = join(directory, poolingFile);
  if (!(await isThere(path))) return usual;
  const bytes = await readFile(path).catch(error => {
    throw unreadable(path, error, '');
  });
  return jsonObject(bytes, path).pooling_mode_mean_tokens === true ? 'mean' : 'cls';
}

export async function readConfigFile(directory: string): Promise<Record<string, unknown>> {
  return jsonObject(await readSourceFile(directory, 'config.json'), join(directory, 'config.json'));
}

function jsonObject(bytes: Uint8Array, path: string): Record<string, unknown> {
  let json: unknown;
  try {
    json = JSON.parse(new TextDecoder().decode(bytes));
  } catch (error) {
    throw new VeneerError('invalid_artifact', `${path}: ${(error as Error).message}`, { cause: error });
  }
  if (typeof json === 'object' && json !== null && !Array.isArray(json))
    return json as Record<string, unknown>;
  throw new VeneerError('invalid_artifact', `${path}: is no JSON object`);
}

function unreadable(path: string, error: NodeJS.ErrnoException, hint: string): VeneerError {
  return new VeneerError('invalid_artifact', `${path}: cannot be read (${error.code})${hint}`, {
    cause: error,
  });
}

function isThere(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
