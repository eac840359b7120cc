/**
 * The tfjs engine: interprets the graph with TensorFlow.js ops, whichever backend the given module has. It shares nothing
 * with the ONNX lowering but the graph, so it is the oracle that engine is checked against. Frozen tensors stay on the
 * device from run to run; everything else is freed right after its last use.
 */
import type { OpName } from '../graph/ops.ts';
import { evaluate } from '../graph/shape.ts';
import { readWeight } from '../weights.ts';
import type { Engine, HostTensor, Program, WeightsFile } from './engine.ts';
import { bindSymbols, isLasting, isStep, type Plan, planOf } from './plan.ts';
import type { Spent } from './spent.ts';
import { type Bfloat16, bfloat16Of, type Tensor, type Tf, timeBinding } from './tensorflow.ts';
import { hostType, type Kernel, type KernelContext, kernels, type Operand } from './tfjs-kernels.ts';

/** What products are computed in; everything else, and what is trained, is float32. */
export type ProductPrecision = 'fp32' | 'bf16';

export interface PlanArguments {
  plan: Plan;
  weights?: WeightsFile | undefined;
  precision: ProductPrecision;
  /** Told after every run; measuring costs a little. */
  onSpent?: ((spent: Spent) => void) | undefined;
}

/** Tensors that last, by slot. */
async function readLasting(
  tf: Tf,
  { plan: { steps }, weights }: PlanArguments,
): Promise<Map<number, Tensor>> {
  const tensors = new Map<number, Tensor>();
  for (const step of steps) {
    const slot = step.outputs[0]!;
    if (isStep(step, 'constant')) {
      const { data, shape, dtype } = step.attributes;
      tensors.set(slot, tf.tensor([...data], shape as number[], hostType(dtype)));
    } else if (isStep(step, 'weight')) {
      const { name, shape } = step.attributes;
      if (!weights) throw new Error('the graph has frozen weights, but no weights file was given');
      const data = await readWeight(weights, name);
      if (!data) throw new Error(`the weights file has no tensor ${name}`);
      tensors.set(slot, tf.tensor(data, shape as number[]));
    }
  }
  return tensors;
}

/** Weights that only products read, which bfloat16 can hold in place of float32. */
function productWeights({ steps, outputs }: Plan): Set<number> {
  const slots = new Set(steps.filter(({ op }) => op === 'weight').map(({ outputs: [slot] }) => slot!));
  for (const { op, inputs } of steps)
    inputs.forEach((slot, i) => {
      if (op !== 'matmul' || i > 1) slots.delete(slot);
    });
  for (const slot of Object.values(outputs)) slots.delete(slot);
  return slots;
}

/** Scales the smaller operand or the product, whichever is least to go through. */
function float32Products(tf: Tf): KernelContext['matMul'] {
  return (a, b, alpha) => {
    const product = (x: Tensor, y: Tensor) => tf.matMul(x, y, a.transposed, b.transposed);
    const [x, y] = [a.tensor, b.tensor];
    if (alpha === 1) return product(x, y);
    const size = (x.size / x.shape.at(a.transposed ? -2 : -1)!) * y.shape.at(b.transposed ? -2 : -1)!;
    if (size <= Math.min(x.size, y.size)) return tf.mul(product(x, y), alpha);
    return x.size <= y.size ? product(tf.mul(x, alpha), y) : product(x, tf.mul(y, alpha));
  };
}

function bfloat16Products(tf: Tf, able: Bfloat16, rounded: ReadonlySet<number>): KernelContext['matMul'] {
  const operand = ({ tensor, slot }: Operand) => (rounded.has(slot) ? tensor : able.cast(tensor));
  return (a, b, alpha) => {
    const product = able.matMul(operand(a), operand(b), a.transposed, b.transposed);
    return alpha === 1 ? product : tf.mul(product, alpha);
  };
}

/** A plan whose frozen tensors are on the device. @throws Error where the backend has no bfloat16 and it is asked for. */
export async function openPlan(tf: Tf, args: PlanArguments): Promise<Program> {
  const { plan, precision, onSpent } = args;
  const bindingMs = onSpent ? timeBinding(tf) : () => 0;
  const able = precision === 'bf16' ? bfloat16Of(tf) : undefined;
  if (precision === 'bf16' && !able)
    throw new Error(`the ${tf.getBackend()} backend of TensorFlow.js has no products in bfloat16`);
  const lasting = await readLasting(tf, args);
  const rounded = able ? productWeights(plan) : new Set<number>();
  for (const slot of rounded) {
    const exact = lasting.get(slot)!;
    lasting.set(slot, able!.cast(exact));
    exact.dispose();
  }
  const matMul = able ? bfloat16Products(tf, able, rounded) : float32Products(tf);
  const steps = plan.steps.filter(step => !isLasting(step));

  const execute = (fed: Readonly<Record<string, HostTensor>>): Tensor[] => {
    const symbols = bindSymbols(plan, fed);
    const context: KernelContext = {
      ...{ tf, fed, matMul },
      size: shape => shape.map(dim => evaluate(dim, symbols)),
    };
    const values = new Map(lasting);
    const own = (slot: number) => {
      if (!lasting.has(slot)) values.get(slot)!.dispose();
      values.delete(slot);
    };
    try {
      for (const step of steps) {
        const kernel = kernels[step.op] as Kernel<OpName>;
        const inputs = step.inputs.map(slot => values.get(slot)!);
        const made = tf.tidy(() => kernel(context, step, inputs));
        step.outputs.forEach((slot, i) => {
          values.set(slot, made[i]!);
        });
        step.frees.forEach(own);
      }
      return Object.values(plan.outputs).map(slot => values.get(slot)!.clone());
    } finally {
      // Results were cloned; after a failure there may be more.
      for (const slot of [...values.keys()]) own(slot);
    }
  };

  return {
    async run(inputs) {
      const [started, callsBefore] = [performance.now(), bindingMs()];
      const tensors = execute(inputs);
      onSpent?.({ issuing: performance.now() - started, calls: bindingMs() - callsBefore });
      const answers: Record<string, HostTensor> = {};
      try {
        for (const [i, name] of Object.keys(plan.outputs).entries()) {
          const tensor = tensors[i]!;
          const data = (await tensor.data()) as Float32Array | Int32Array;
          answers[name] = { dtype: tensor.dtype as HostTensor['dtype'], shape: tensor.shape, data };
        }
      } finally {
        for (const tensor of tensors) tensor.dispose();
      }
      return answers;
    },
    async close() {
      for (const tensor of lasting.values()) tensor.dispose();
    },
  };
}

/** Runs in this very thread, and blocks it. @param tf `@tensorflow/tfjs` or a package of `nativePackages`. */
export function tfjsEngine(tf: Tf, precision: ProductPrecision = 'fp32'): Engine {
  return {
    name: 'tfjs',
    compile: ({ outputs, weights }) => openPlan(tf, { plan: planOf(outputs), weights, precision }),
  };
}
