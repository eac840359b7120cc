/** The training methods. Adding one is a file beside this one and its lines in the two tables here. */
import * as z from 'zod';
import type { EncoderConfig } from '../../functions/artifacts/manifests.ts';
import { VeneerError } from '../../functions/error.ts';
import type { Parameter } from '../parameters.ts';
import { BitfitSpec, bitfit } from './bitfit.ts';
import { DoraSpec, dora } from './dora.ts';
import { frozenSeams } from './frozen.ts';
import { FullSpec, full } from './full.ts';
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

/** A method with its settings resolved. */
export const MethodSpec = z.discriminatedUnion('name', [LoraSpec, DoraSpec, Ia3Spec, BitfitSpec, FullSpec]);
export type MethodSpec = z.infer<typeof MethodSpec>;
export type MethodName = MethodSpec['name'];

export const methods: { [Name in MethodName]: Method<Extract<MethodSpec, { name: Name }>> } = {
  lora,
  dora,
  ia3,
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
      `--${flag.replace(/[A-Z]/g, letter => `-${letter.toLowerCase()}`)} goes with --method ${others.join(', ')}, not with ${name}`,
    );
  }
  return methods[name].spec(flags);
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
  return 'fromScratch' in spec && spec.fromScratch ? `${spec.name}, from scratch` : spec.name;
}
