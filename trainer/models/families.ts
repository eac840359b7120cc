/** The families we can read, by `model_type` of config.json. */
import { VeneerError } from '../../functions/error.ts';
import { bert } from './bert.ts';
import { distilbert } from './distilbert.ts';
import { electra } from './electra.ts';
import { ernie } from './ernie.ts';
import { ernieM } from './ernie-m.ts';
import type { Family } from './family.ts';
import { modernbert } from './modernbert.ts';
import { mpnet } from './mpnet.ts';
import { camembert, roberta, xlmRoberta } from './roberta.ts';

const families: Record<string, Family> = {
  bert,
  roberta,
  'xlm-roberta': xlmRoberta,
  camembert,
  distilbert,
  electra,
  mpnet,
  ernie,
  ernie_m: ernieM,
  modernbert,
};

/** @throws VeneerError `invalid_artifact` for a family that is not here, naming those that are. */
export function familyOf(modelType: unknown): Family {
  const family =
    typeof modelType === 'string' && Object.hasOwn(families, modelType) ? families[modelType] : undefined;
  if (family) return family;
  throw new VeneerError(
    'invalid_artifact',
    `config.json: model_type ${JSON.stringify(modelType)} is not supported; known: ${Object.keys(families).join(', ')}`,
  );
}
