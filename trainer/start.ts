/**
 * Where a run's parameters begin: drawn, taken from the base, or those of an earlier training (`train --from`), which must be
 * of the same base, task and method. New labels get rows of their own behind the old ones.
 */
import { checkBase } from '../functions/adapters.ts';
import type { FloatTensor } from '../functions/artifacts/adapter.ts';
import type { BaseManifest, Problem } from '../functions/artifacts/manifests.ts';
import type { TaskName } from '../functions/artifacts/names.ts';
import { VeneerError } from '../functions/error.ts';
import type { WeightsFile } from './engines/engine.ts';
import type { MethodSpec } from './methods/methods.ts';
import { initialValues, type Layout, placeBlock, views } from './parameters.ts';
import type { Trained } from './trained.ts';
import { readWeight } from './weights.ts';

/** Stream of the random generator that draws start values. */
const initStream = 0;

interface StartArguments {
  layout: Layout;
  seed: number;
  weights: WeightsFile;
  from?: Trained | undefined;
}

export async function startValues({ layout, seed, weights, from }: StartArguments): Promise<Float32Array> {
  const base = new Map<string, Float32Array>();
  for (const { init } of layout.parameters)
    if (typeof init === 'object' && 'base' in init) base.set(init.base, await weightOf(weights, init.base));
  const values = initialValues(layout, { seed, stream: initStream }, base);
  if (!from) return values;
  inherit(layout, values, from);
  return values;
}

/** Only a masked-language head may be missing. */
async function weightOf(weights: WeightsFile, name: string): Promise<Float32Array> {
  const tensor = await readWeight(weights, name);
  if (tensor) return tensor;
  throw new VeneerError(
    'usage',
    `--verbalizer: the base has no tensor ${name}: its checkpoint has no masked-language head (or it was pulled before those were kept: pull it again with --force)`,
  );
}

/** Where a value is of `from`: 1, else 0. */
export function inheritedMask(layout: Layout, from: Trained): Uint8Array {
  const mask = new Float32Array(layout.size);
  const tensors = [...from.tensors].map(([name, { shape, data }]): [string, FloatTensor] => [
    name,
    { shape, data: new Float32Array(data.length).fill(1) },
  ]);
  inherit(layout, mask, { name: from.name, tensors: new Map(tensors) });
  return Uint8Array.from(mask);
}

function inherit(layout: Layout, values: Float32Array, from: Pick<Trained, 'name' | 'tensors'>): void {
  const parts = views(layout, values);
  const shapes = new Map(layout.parameters.map(({ name, shape }) => [name, shape]));
  for (const [name, tensor] of from.tensors) {
    const part = parts.get(name);
    // Rows of new labels, and what a larger rank adds, follow those that were there.
    if (!part || !placeBlock(part, shapes.get(name)!, tensor))
      throw new VeneerError('invalid_artifact', `--from ${from.name}: tensor ${name} does not fit this run`);
  }
}

export interface RunDescription {
  base: BaseManifest;
  task: TaskName;
  problem: Problem;
  method: MethodSpec;
  /** Whether the method has a larger rank on purpose. */
  grows: boolean;
}

/** @throws VeneerError naming what is different in both. */
export function checkStart({ name, manifest, method }: Trained, run: RunDescription): void {
  checkBase(manifest.base, run.base, name);
  const compare = (what: string, theirs: unknown, ours: unknown) => {
    if (JSON.stringify(theirs) === JSON.stringify(ours)) return;
    throw new VeneerError('usage', `--from ${name} has ${what} ${theirs}, this run has ${what} ${ours}`);
  };
  compare('task', manifest.task, run.task);
  compare('problem', manifest.problem, run.problem);
  compare('method', method.name, run.method.name);
  const [theirs, ours]: Record<string, unknown>[] = [method, run.method];
  for (const [setting, what] of [
    ['rank', 'rank'],
    ['targetModules', 'target modules'],
    ['alpha', 'alpha'],
    ['tokens', 'virtual tokens'],
    ['adapterSize', 'adapter size'],
  ] as const)
    if (!run.grows || setting === 'targetModules') compare(what, theirs![setting], ours![setting]);
}

/**
 * The labels of what came before, in their order, then the new ones.
 * @param mayLack Whether labels of before may be without an example, as something is done against forgetting them.
 * @throws VeneerError naming a label that the data has no example of: it would be forgotten.
 */
export function labelsAfter(from: Trained | undefined, labels: string[], mayLack: boolean): string[] {
  if (!from) return labels;
  const before = from.manifest.labels;
  const lost = before.find(label => !labels.includes(label));
  if (lost !== undefined && !mayLack)
    throw new VeneerError(
      'invalid_data',
      `--from ${from.name} has label ${JSON.stringify(lost)}, of which the data has no example (it has ${labels.map(label => JSON.stringify(label)).join(', ')}): add some, or say --replay, --ewc or --orthogonal`,
    );
  return [...before, ...labels.filter(label => !before.includes(label))];
}
