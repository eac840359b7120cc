import type { BaseFile } from '../../functions/artifacts/bases.ts';
import { canonicalJson, sha256 } from '../../functions/artifacts/digest.ts';
import type { BaseManifest, EncoderConfig, FileRef, Pooling } from '../../functions/artifacts/manifests.ts';
import { familyNames } from '../../functions/artifacts/modules.ts';
import { readSafetensors } from '../../functions/artifacts/safetensors.ts';
import { VeneerError } from '../../functions/error.ts';
import { compileTokenizer } from '../../functions/tokenizer/compile.ts';
import { openTokenizer } from '../../functions/tokenizer/open.ts';
import { familyOf } from '../models/families.ts';
import { encoderTensors, maskedHeadTensors } from './checkpoint.ts';
import { measureFidelity } from './fidelity.ts';
import { type PrecisionName, precisions } from './precision.ts';
import { servingGraphs } from './serving-graph.ts';
import { measureSmoothing } from './smoothing.ts';
import { poolingOf, readConfigFile, readSourceFile } from './source-files.ts';
import { storedWeights } from './stored-weights.ts';

export interface BaseSource {
  /** Directory with config.json, tokenizer.json, model.safetensors and, perhaps, 1_Pooling/config.json. */
  directory: string;
  /** Where it came from, for the manifest. */
  location: string;
  licence: string;
}

export interface BuiltBase {
  manifest: BaseManifest;
  files: BaseFile[];
}

export async function buildBase(
  name: string,
  { directory, location, licence }: BaseSource,
  precision: PrecisionName,
): Promise<BuiltBase> {
  const config = await readConfigFile(directory);
  const family = familyOf(config.model_type);
  const encoder = family.readConfig(config);
  const tokenizerJson = await readSourceFile(directory, 'tokenizer.json');
  const source = await readSourceFile(directory, 'model.safetensors');

  const files: BaseFile[] = [];
  const keep = (bytes: Uint8Array): FileRef => {
    const digest = sha256(bytes);
    if (!files.some(file => file.sha256 === digest)) files.push({ sha256: digest, bytes });
    return { sha256: digest, bytes: bytes.length };
  };
  const checkpoint = readSafetensors(source, 'model.safetensors');
  const floats = encoderTensors(checkpoint, encoder, family);
  const masked = maskedHeadTensors(checkpoint, encoder, family);
  const tokenizerText = new TextDecoder().decode(tokenizerJson);
  const compiled = compileTokenizer(tokenizerText);
  checkVocabulary(tokenizerText, encoder);
  const float32 = storedWeights(new Map([...floats, ...masked]), encoder, precisions.fp32);
  const measured = { config: encoder, tokenizer: openTokenizer(compiled), float32 };
  const smoothing = precisions[precision].rounds
    ? await measureSmoothing({ ...measured, tensors: floats })
    : undefined;
  // A float32 base serves from the file that is trained on.
  const stored =
    precision === 'fp32' ? float32 : storedWeights(floats, encoder, precisions[precision], smoothing);
  const weights = keep(stored);
  const places = [...readSafetensors(stored, 'weights')].map(
    ([tensor, { offset, data }]) => [tensor, { offset, bytes: data.length }] as const,
  );
  const graphs = servingGraphs(encoder, { location: weights.sha256, tensors: new Map(places) }, precision);
  const tokenizer = { source: keep(tokenizerJson), compiled: keep(compiled) };
  const sourceDigest = sha256(source);
  return {
    manifest: {
      formatVersion: 1,
      name,
      digest: sha256(
        canonicalJson({ config: encoder, tokenizer: tokenizer.source.sha256, weights: sourceDigest }),
      ),
      config: encoder,
      pooling: await poolingOf(directory, usualPooling(encoder.family, floats)),
      precision,
      fidelity: await measureFidelity({ ...measured, precision, stored }),
      tokenizer,
      weights,
      trainingWeights: keep(float32),
      graphs: Object.fromEntries([...graphs].map(([variant, model]) => [variant, keep(model)])),
      licence,
      source: { location, sha256: sourceDigest },
    },
    files,
  };
}

/**
 * The mean where the family's task models read a pooler that the checkpoint lacks, as multilingual-e5 does: it was trained
 * to be read in another way than by its first token.
 */
function usualPooling(name: string, tensors: ReadonlyMap<string, unknown>): Pooling {
  const { prefix, pooler, head } = familyNames(name);
  const isRead = head.dense === `${prefix}.${pooler}`;
  return isRead && !tensors.has(`${pooler}.weight`) ? 'mean' : 'cls';
}

/** A token beyond the embedding table would stop the engine at the first text that has it. */
function checkVocabulary(tokenizerJson: string, { vocabularySize }: EncoderConfig): void {
  const { model, added_tokens: added = [] } = JSON.parse(tokenizerJson) as {
    model: { vocab: Record<string, number> | unknown[] };
    added_tokens?: { id: number }[];
  };
  const ids = Array.isArray(model.vocab) ? [model.vocab.length - 1] : Object.values(model.vocab);
  const largest = [...ids, ...added.map(token => token.id)].reduce((a, b) => Math.max(a, b), 0);
  if (largest >= vocabularySize)
    throw new VeneerError(
      'invalid_artifact',
      `tokenizer.json has token id ${largest}, but config.json says vocab_size ${vocabularySize}: they are of different models`,
    );
}
