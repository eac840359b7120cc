/** Options of `train` that say what is trained, and from where it goes on. */
import { type Command, Option } from 'commander';
import * as z from 'zod';
import {
  type TargetModule,
  TargetModule as TargetModuleSchema,
  targetModules,
} from '../../functions/artifacts/manifests.ts';
import { VeneerError } from '../../functions/error.ts';
import type { Store } from '../../functions/store/store.ts';
import type { MethodFlags } from '../methods/method.ts';
import { type MethodName, type MethodSpec, methodNames, methods, specOf } from '../methods/methods.ts';
import { runDirectory } from '../stored-run.ts';
import { readTrained, type Trained } from '../trained.ts';
import { cacheDir, real, whole } from './command.ts';

export interface MethodOptions extends MethodFlags {
  method?: MethodName;
  from?: string;
  tenant?: string;
}

function parseModules(text: string): TargetModule[] {
  const names = [...new Set(text.split(',').map(name => name.trim()))];
  const parsed = z.array(TargetModuleSchema).min(1).safeParse(names);
  if (!parsed.success)
    throw new VeneerError(
      'usage',
      `--target-modules ${text}: a comma-separated list out of ${targetModules.join(',')}`,
    );
  return targetModules.filter(module => parsed.data.includes(module));
}

/** No defaults, so that an option of another method can be refused. */
export function methodOptions(command: Command): Command {
  return command
    .addOption(
      new Option('--method <method>', 'what is trained beside the head (default lora)').choices(methodNames),
    )
    .option('--rank <n>', 'LoRA rank (default 8)', whole(1, 64))
    .option(
      '--alpha <x>',
      'LoRA alpha (default 16); the update is scaled by alpha / rank',
      real(0, 10_000, true),
    )
    .option('--rs-lora', 'scale by alpha / sqrt(rank); kept as an alpha that is sqrt(rank) times larger')
    .option('--target-modules <list>', 'adapted layers, out of q,k,v,o,u,d (default all)', parseModules)
    .option('--prompt-tokens <n>', 'prompt: trained vectors before the words (default 20)', whole(1, 256))
    .option('--prefix-tokens <n>', 'prefix: trained keys and values of a layer (default 20)', whole(1, 256))
    .option('--adapter-size <n>', 'houlsby: width of the bottlenecks (default 64)', whole(1, 1024))
    .option('--from-scratch', 'full: start from random weights instead of the base')
    .option(
      '--from <adapter>',
      'go on from a directory of train, a PEFT directory or, with --tenant, a reference in the store',
    )
    .option('--tenant <tenant>', 'whose adapter --from means');
}

const methodFlags = [
  ...(['rank', 'alpha', 'rsLora', 'targetModules', 'fromScratch'] as const),
  ...(['promptTokens', 'prefixTokens', 'adapterSize'] as const),
];

/** The options that give a method its settings. */
function flagsOf(method: MethodSpec): MethodFlags {
  return 'tokens' in method ? { [`${method.name}Tokens`]: method.tokens } : (method as MethodFlags);
}

/** What is gone on from, and the method, whose settings it has unless others are given. */
export async function resolveMethod(
  store: Store,
  options: MethodOptions & { base: string },
  log: (line: string) => void,
): Promise<{ method: MethodSpec; from?: Trained }> {
  const { method: name, from: adapter, tenant, base, ...given } = options;
  const flags = Object.fromEntries(methodFlags.map(flag => [flag, given[flag]])) as MethodFlags;
  if (adapter === undefined) {
    if (tenant !== undefined) throw new VeneerError('usage', '--tenant goes with --from');
    return { method: specOf(name ?? 'lora', flags) };
  }
  const place = tenant === undefined ? await runDirectory(adapter, cacheDir) : adapter;
  const from = await readTrained(store, { adapter: place, tenant, peft: { base, cacheDir, log } });
  if (name !== undefined && name !== from.method.name) return { method: specOf(name, flags), from };
  const before = flagsOf(from.method);
  const known = methods[from.method.name].flags
    .filter(flag => flag in before && flags[flag] === undefined && !(flag === 'alpha' && flags.rsLora))
    .map(flag => [flag, before[flag]]);
  return { method: specOf(from.method.name, { ...flags, ...Object.fromEntries(known) }), from };
}
