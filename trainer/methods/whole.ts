/** Methods that train tensors of the base themselves: which ones is all that sets them apart. */
import type { EncoderConfig } from '../../functions/artifacts/manifests.ts';
import { familyOf } from '../models/families.ts';
import type { Parameter } from '../parameters.ts';
import { trainedName } from './frozen.ts';
import type { Method } from './method.ts';

type Chosen = (name: string, shape: readonly number[]) => boolean;

function chosenTensors(config: EncoderConfig, isChosen: Chosen) {
  return [...familyOf(config.family).tensors(config)].filter(([name, shape]) => isChosen(name, shape));
}

/** @param init Of a tensor that does not start as the base has it. */
export function wholeTensors(isChosen: Chosen): Pick<Method<unknown>, 'adapt' | 'merge'> & {
  parameters(
    config: EncoderConfig,
    init?: (shape: readonly number[], name: string) => Parameter['init'],
  ): Parameter[];
} {
  return {
    parameters: (config, init = (_, name) => ({ base: name })) =>
      chosenTensors(config, isChosen).map(([name, shape]) => ({
        name: trainedName(config, name),
        shape,
        init: init(shape, name),
        decay: shape.length > 1,
      })),
    adapt({ g, config, parameters }, frozen) {
      for (const [name] of chosenTensors(config, isChosen))
        g.substitute(name, parameters.get(trainedName(config, name))!);
      return frozen;
    },
    merge: ({ config, values }) =>
      new Map(
        chosenTensors(config, isChosen).map(([name]) => {
          const trained = values.get(trainedName(config, name))!;
          return [name, () => trained];
        }),
      ),
  };
}
