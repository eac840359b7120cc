/** PEFT's adapter_config.json of IA3: which layers' outputs and inputs are scaled. Fields: PEFT's IA3Config. */
import * as z from 'zod';
import { type EncoderConfig, type Ia3Settings, ia3Modules } from '../../functions/artifacts/manifests.ts';
import { scalesInput } from '../../functions/artifacts/modules.ts';
import { peftLayers } from './layers.ts';
import { parsePeft, type Refuse } from './lora-config.ts';
import { matcher, Names } from './names.ts';

type Ia3Module = Ia3Settings['targetModules'][number];

const Ia3Config = z.object({
  target_modules: Names,
  feedforward_modules: Names.nullish(),
  exclude_modules: Names.nullish(),
});

export interface PeftIa3 {
  name: 'ia3';
  /** Modules of each layer that have a vector. */
  layers: Ia3Module[][];
}

export function readIa3Config(json: unknown, config: EncoderConfig, bad: Refuse): PeftIa3 {
  const peft = parsePeft(Ia3Config, json, bad);
  const included = matcher(peft.target_modules);
  const excluded = matcher(peft.exclude_modules ?? []);
  const readsScaled = inputMatcher(peft.feedforward_modules ?? []);
  const layers = Array.from({ length: config.layers }, (_, layer) =>
    peftLayers(config.family, layer).flatMap(({ path, modules }): Ia3Module[] => {
      const [inside, outside, isInput] = [included(path), excluded(path), readsScaled(path)];
      if (inside === undefined || outside === undefined || isInput === undefined)
        throw bad('target_modules and feedforward_modules must be lists, or expressions of JavaScript too');
      if (!inside || outside) return [];
      const known = ia3Modules.find(module => modules.length === 1 && modules[0] === module);
      if (!known) throw bad(`target_modules has ${path}, which cannot be served: IA3 on ${ia3Modules} can`);
      if (isInput === scalesInput(known)) return [known];
      throw bad(
        `feedforward_modules: ${path} is scaled at its ${isInput ? 'input' : 'output'}, which cannot be served`,
      );
    }),
  );
  if (layers.every(modules => modules.length === 0)) throw bad('target_modules names no layer of the base');
  return { name: 'ia3', layers };
}

/** As PEFT matches feedforward_modules: by any ending. */
function inputMatcher(names: Names): (path: string) => boolean | undefined {
  return Array.isArray(names) ? path => names.some(name => path.endsWith(name)) : matcher(names);
}
