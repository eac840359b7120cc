/**
 * A graph as a list of steps over numbered slots: plain data that crosses to another process, with what each step frees.
 * From it, and the sizes of a batch, follows how much memory a run needs.
 */
import type { Attributes, DType, OpName, TensorType } from '../graph/ops.ts';
import { bind, evaluate } from '../graph/shape.ts';
import { topologicalOrder, type Value } from '../graph/value.ts';
import type { HostTensor } from './engine.ts';

export interface PlanStep<Op extends OpName = OpName> {
  op: Op;
  attributes: Attributes[Op];
  /** Slots. */
  inputs: readonly number[];
  outputs: readonly number[];
  /** Types of the outputs. */
  types: readonly TensorType[];
  /** Slots that no later step reads. */
  frees: readonly number[];
}

export interface Plan {
  steps: readonly PlanStep[];
  /** Slots by the names of results. */
  outputs: Readonly<Record<string, number>>;
}

/** Stay for the program's whole life. */
const lasting: ReadonlySet<OpName> = new Set<OpName>(['weight', 'constant']);
/** Results that share their input's memory. */
const views: ReadonlySet<OpName> = new Set<OpName>(['reshape', 'detach']);
/** What an engine holds of these types. */
const elementBytes: Record<DType, number> = { float32: 4, int32: 4, int8: 4, uint8: 4 };

export function isLasting({ op }: PlanStep): boolean {
  return lasting.has(op);
}

export function isStep<Op extends OpName>(step: PlanStep, op: Op): step is PlanStep<Op> {
  return step.op === op;
}

export function planOf(outputs: Readonly<Record<string, Value>>): Plan {
  const order = topologicalOrder(Object.values(outputs));
  const slots = new Map<Value, number>();
  for (const node of order) for (const value of node.outputs) slots.set(value, slots.size);
  const kept = new Set(Object.values(outputs));
  const lastReader = new Map<Value, number>();
  order.forEach((node, index) => {
    for (const value of [...node.inputs, ...node.outputs]) lastReader.set(value, index);
  });
  const frees: number[][] = order.map(() => []);
  for (const [value, index] of lastReader)
    if (!kept.has(value) && !lasting.has(value.node.op)) frees[index]!.push(slots.get(value)!);
  const slotOf = (value: Value) => slots.get(value)!;
  return {
    steps: order.map(({ op, attributes, inputs, outputs: made }, index) => ({
      op,
      attributes,
      inputs: inputs.map(slotOf),
      outputs: made.map(slotOf),
      types: made.map(({ dtype, shape }) => ({ dtype, shape })),
      frees: frees[index]!,
    })),
    outputs: Object.fromEntries(Object.entries(outputs).map(([name, value]) => [name, slotOf(value)])),
  };
}

/** Values of the symbolic dimensions, from the shapes of what is fed. */
export function bindSymbols({ steps }: Plan, fed: Readonly<Record<string, HostTensor>>): Map<string, number> {
  const symbols = new Map<string, number>();
  for (const step of steps) {
    if (!isStep(step, 'input')) continue;
    const { name, shape } = step.attributes;
    const tensor = fed[name];
    if (!tensor) throw new Error(`input ${name} is missing`);
    bind(shape, tensor.shape, symbols, `input ${name}`);
  }
  return symbols;
}

/** Most bytes alive at once in a run with these sizes, weights included; what one op needs meanwhile is not. */
export function peakBytes({ steps }: Plan, symbols: Map<string, number>): number {
  const buffers = new Map<number, { bytes: number; users: number }>();
  let [live, peak] = [0, 0];
  for (const { op, inputs, outputs, types, frees } of steps) {
    outputs.forEach((slot, i) => {
      const shared = views.has(op) ? buffers.get(inputs[0]!)! : undefined;
      const { dtype, shape } = types[i]!;
      const count = shape.reduce<number>((size, dim) => size * evaluate(dim, symbols), 1);
      const buffer = shared ?? { bytes: count * elementBytes[dtype], users: 0 };
      buffer.users++;
      if (!shared) live += buffer.bytes;
      buffers.set(slot, buffer);
    });
    peak = Math.max(peak, live);
    for (const slot of frees) {
      const buffer = buffers.get(slot)!;
      if (--buffer.users === 0) live -= buffer.bytes;
      buffers.delete(slot);
    }
  }
  return peak;
}

/** The most rows, fewer than were tried, whose run fits into so many bytes; half of them where no number says more. */
export function rowsThatFit(plan: Plan, symbols: ReadonlyMap<string, number>, bytes: number): number {
  const tried = symbols.get('B') ?? 1;
  const needs = (rows: number) => peakBytes(plan, new Map([...symbols, ['B', rows]]));
  let [fits, fails] = [0, tried];
  while (fails - fits > 1) {
    const rows = (fits + fails) >> 1;
    if (needs(rows) <= bytes) fits = rows;
    else fails = rows;
  }
  return fits === tried - 1 ? tried >> 1 : fits;
}
