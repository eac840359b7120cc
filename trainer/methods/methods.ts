/** The training methods. Adding one is a file beside this one and its lines in the two tables here. */
import * as z from 'zod';
import {
  type AdapterManifest,
  type EncoderConfig,
  servedMethods,
} from '../../functions/artifacts/manifests.ts';
import { VeneerError } from '../../functions/error.ts';
import { flagOf } from '../flag-name.ts';
import type { Parameter } from '../parameters.ts';
import { BitfitSpec, bitfit } from './bitfit.ts';
import { DoraSpec, dora } from './dora.ts';
import { frozenSeams } from './frozen.ts';
import { FullSpec, full } from './full.ts';
import { HoulsbySpec, houlsby } from './houlsby.ts';
import { Ia3Spec, ia3 } from './ia3.ts';
import { LoraSpec, lora } from './lora.ts';
import type {
  AdaptArguments,
  FrozenSeams,
  Merge,
  MergeArguments,
  Method,
  MethodFlags,
  Seams,
} from './method.ts';
import { PrefixSpec, prefix } from './prefix.ts';
import { PromptSpec, prompt } from './prompt.ts';

/** A method with its settings resolved. */
export const MethodSpec = z.discriminatedUnion('name', [
  LoraSpec,
  DoraSpec,
  Ia3Spec,
  PromptSpec,
  PrefixSpec,
  HoulsbySpec,
  BitfitSpec,
  FullSpec,
]);
export type MethodSpec = z.infer<typeof MethodSpec>;
export type MethodName = MethodSpec['name'];

type ServedSettings = Pick<AdapterManifest, (typeof servedMethods)[number]>;

export const methods: { [Name in MethodName]: Method<Extract<MethodSpec, { name: Name }>> } = {
  lora,
  dora,
  ia3,
  prompt,
  prefix,
  houlsby,
  bitfit,
  full,
};

export const methodNames = Object.keys(methods) as MethodName[];

export const methodOf = ({ name }: { name: MethodName }) => methods[name] as Method<MethodSpec>;

/** @throws VeneerError `usage` for an option that belongs to other methods. */
export function specOf(name: MethodName, flags: MethodFlags): MethodSpec {
  const known = methods[name].flags;
  for (const [flag, value] of Object.entries(flags) as [keyof MethodFlags, unknown][]) {
    if (value === undefined || known.includes(flag)) continue;
    const others = methodNames.filter(other => methods[other].flags.includes(flag));
    throw new VeneerError(
      'usage',
      `--${flagOf(flag)} goes with --method ${others.join(', ')}, not with ${name}`,
    );
  }
  return methods[name].spec(flags);
}

/** As the manifest of a served adapter has them; empty for a method that is not served. */
export function settingsOf({ name, ...settings }: MethodSpec): ServedSettings {
  return servedMethods.some(served => served === name) ? { [name]: settings } : {};
}

/** The method of a served adapter. */
export function methodIn(manifest: ServedSettings): MethodSpec {
  const name = servedMethods.find(served => manifest[served] !== undefined)!;
  return { name, ...manifest[name] } as MethodSpec;
}

export function methodParameters(config: EncoderConfig, spec: MethodSpec): Parameter[] {
  return methodOf(spec).parameters(config, spec);
}

export function adaptedSeams(
  args: AdaptArguments<MethodSpec>,
  frozen: FrozenSeams = frozenSeams(args.config),
): Seams {
  return methodOf(args.spec).adapt(args, frozen);
}

/** @throws VeneerError `usage` for a method that changes weights which a rounded base does not have as floats. */
export function checkRounded(spec: MethodSpec, precision: string): void {
  if (methodOf(spec).overRounded) return;
  const others = methodNames.filter(name => methods[name].overRounded);
  throw new VeneerError(
    'usage',
    `--precision ${precision} goes with --method ${others.join(', ')}, not with ${spec.name}`,
  );
}

export function mergesOf(args: MergeArguments<MethodSpec>): ReadonlyMap<string, Merge> {
  return methodOf(args.spec).merge(args);
}

/** For people: `lora on q,v`. */
export function describeMethod(spec: MethodSpec): string {
  if ('targetModules' in spec) return `${spec.name} on ${spec.targetModules.join(',')}`;
  if ('tokens' in spec) return `${spec.name} of ${spec.tokens} tokens`;
  if ('adapterSize' in spec) return `${spec.name} of size ${spec.adapterSize}`;
  return 'fromScratch' in spec && spec.fromScratch ? `${spec.name}, from scratch` : spec.name;
}
