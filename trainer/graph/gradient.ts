/**
 * Reverse-mode differentiation as graph rewriting: one rule per primitive, written with the same primitives.
 * Only what depends on the requested values is differentiated.
 */
import type { Graph } from './graph.ts';
import type { OpName } from './ops.ts';
import { type Shape, sameShape } from './shape.ts';
import { isOp, type Node, topologicalOrder, type Value } from './value.ts';

interface RuleArguments<Op extends OpName> {
  g: Graph;
  node: Node<Op>;
  /** Gradients of the node's results; undefined where the loss does not depend on one. */
  grads: readonly (Value | undefined)[];
  /** Whether the gradient of input i is asked for. */
  wanted: readonly boolean[];
}

/** Gradients of the inputs, in order; undefined for none. */
type Rule<Op extends OpName> = (args: RuleArguments<Op>) => (Value | undefined)[];

/** Adjoint of broadcasting: sums `grad` down to `shape`. */
function unbroadcast(g: Graph, grad: Value, shape: Shape): Value {
  if (sameShape(grad.shape, shape)) return grad;
  const lead = grad.shape.length - shape.length;
  const axes = grad.shape.flatMap((dim, axis) => (axis < lead || shape[axis - lead] !== dim ? [axis] : []));
  return g.reshape(g.sum(grad, axes), shape);
}

function elementwise<Op extends OpName>(derivative: (g: Graph, x: Value, y: Value) => Value): Rule<Op> {
  return ({ g, node, grads }) => [g.mul(grads[0]!, derivative(g, node.inputs[0]!, node.outputs[0]!))];
}

/**
 * rowsum(dP * P) of a softmax P. Where P is only used in O = P V, it equals rowsum(dO * O), which is a fraction of the
 * size when heads are narrower than texts are long (as in FlashAttention, https://arxiv.org/abs/2205.14135, section 3.1).
 */
function softmaxDot(g: Graph, p: Value, grad: Value): Value {
  const axis = p.shape.length - 1;
  if (isOp(grad, 'matmul') && p.shape.length === 4) {
    const [gradOut, v] = grad.node.inputs as [Value, Value];
    const out = g.consumers
      .get(p)
      ?.find(user => user.op === 'matmul' && user.inputs[0] === p && user.inputs[1] === v);
    const plain = (node: Node) => (node as Node<'matmul'>).attributes;
    if (
      out &&
      !plain(out).transA &&
      !plain(out).transB &&
      plain(out).alpha === 1 &&
      plain(grad.node).alpha === 1
    )
      return g.sum(g.mul(gradOut, out.outputs[0]!), [axis]);
  }
  return g.sum(g.mul(grad, p), [axis]);
}

export const gradientRules: { [Op in OpName]: Rule<Op> } = {
  input: () => [],
  weight: () => [],
  constant: () => [],
  add: ({ g, node, grads }) => node.inputs.map(input => unbroadcast(g, grads[0]!, input.shape)),
  sub: ({ g, node, grads, wanted }) => [
    unbroadcast(g, grads[0]!, node.inputs[0]!.shape),
    wanted[1] ? unbroadcast(g, g.scale(grads[0]!, -1), node.inputs[1]!.shape) : undefined,
  ],
  mul: ({ g, node: { inputs }, grads, wanted }) =>
    inputs.map((input, i) =>
      wanted[i] ? unbroadcast(g, g.mul(grads[0]!, inputs[1 - i]!), input.shape) : undefined,
    ),
  div: ({ g, node: { inputs, outputs }, grads, wanted }) => {
    const quotient = g.div(grads[0]!, inputs[1]!);
    return [
      unbroadcast(g, quotient, inputs[0]!.shape),
      wanted[1] ? unbroadcast(g, g.scale(g.mul(quotient, outputs[0]!), -1), inputs[1]!.shape) : undefined,
    ];
  },
  exp: elementwise((_, __, y) => y),
  erf: elementwise((g, x) => g.scale(g.exp(g.scale(g.mul(x, x), -1)), 2 / Math.sqrt(Math.PI))),
  sqrt: elementwise((g, _, y) => g.div(g.scalar(0.5), y)),
  tanh: elementwise((g, _, y) => g.sub(g.scalar(1), g.mul(y, y))),
  sigmoid: elementwise((g, _, y) => g.mul(y, g.sub(g.scalar(1), y))),
  softplus: elementwise((g, x) => g.sigmoid(x)),
  relu: elementwise((g, x) => g.step(x)),
  step: () => [undefined],
  // d/dx x Phi(x) = Phi(x) + x phi(x)
  gelu: elementwise((g, x) => {
    const cumulative = g.scale(g.add(g.erf(g.scale(x, Math.SQRT1_2)), g.scalar(1)), 0.5);
    const density = g.exp(g.mul(g.mul(x, x), g.scalar(-0.5)));
    return g.add(cumulative, g.mul(g.scale(x, 1 / Math.sqrt(2 * Math.PI)), density));
  }),
  softmax: ({ g, node, grads }) => {
    const p = node.outputs[0]!;
    return [g.mul(p, g.sub(grads[0]!, softmaxDot(g, p, grads[0]!)))];
  },
  logSoftmax: ({ g, node, grads }) => {
    const y = node.outputs[0]!;
    return [g.sub(grads[0]!, g.mul(g.exp(y), g.sum(grads[0]!, [y.shape.length - 1])))];
  },
  matmul: ({ g, node, grads, wanted }) => {
    const [a, b, c] = node.inputs as [Value, Value, Value | undefined];
    const { transA, transB, alpha } = node.attributes;
    const grad = grads[0]!;
    const gradA = () =>
      transA
        ? g.matmul(b, grad, { transA: transB, transB: true, alpha })
        : g.matmul(grad, b, { transB: !transB, alpha });
    const gradB = () =>
      transB
        ? g.matmul(grad, a, { transA: true, transB: transA, alpha })
        : g.matmul(a, grad, { transA: !transA, alpha });
    return [
      wanted[0] ? unbroadcast(g, gradA(), a.shape) : undefined,
      wanted[1] ? unbroadcast(g, gradB(), b.shape) : undefined,
      c && wanted[2] ? unbroadcast(g, grad, c.shape) : undefined,
    ];
  },
  detach: () => [undefined],
  cast: () => [undefined],
  // Straight through the rounding of x (https://arxiv.org/abs/1308.3432), and the same kind of product backwards: the
  // gradient, times the weight's scales, is rounded by rows itself.
  quantizedLinear: ({ g, node: { inputs, attributes }, grads, wanted }) => {
    const [, weight, scales, bias] = inputs as [Value, Value, Value, Value | undefined];
    const backwards = { weight: g.transpose(weight, [1, 0]), scales: g.scalar(1) };
    const scaled = () => g.mul(grads[0]!, scales);
    return [
      wanted[0] ? g.quantizedLinear(scaled(), backwards, { levels: attributes.levels }) : undefined,
      undefined,
      undefined,
      bias && wanted[3] ? unbroadcast(g, grads[0]!, bias.shape) : undefined,
    ];
  },
  // The weight is expanded for this product alone, so that no float32 copy of it lives from the forward pass on.
  blockQuantizedLinear: ({ g, node: { inputs, attributes }, grads, wanted }) => {
    const [, weight, scales, bias] = inputs as [Value, Value, Value, Value | undefined];
    return [
      wanted[0] ? g.matmul(grads[0]!, g.blockDequantize(weight, scales, attributes)) : undefined,
      undefined,
      undefined,
      bias && wanted[3] ? unbroadcast(g, grads[0]!, bias.shape) : undefined,
    ];
  },
  blockDequantize: () => [undefined],
  transpose: ({ g, node, grads }) => {
    const inverse: number[] = [];
    node.attributes.perm.forEach((from, to) => {
      inverse[from] = to;
    });
    return [g.transpose(grads[0]!, inverse)];
  },
  reshape: ({ g, node, grads }) => [g.reshape(grads[0]!, node.inputs[0]!.shape)],
  concat: ({ g, node, grads }) => {
    const { axis } = node.attributes;
    const sizes = node.inputs.map(input => input.shape[axis] as number);
    return [...g.split(grads[0]!, axis, sizes)];
  },
  split: ({ g, node, grads }) => {
    const parts = grads.map(
      (grad, i) =>
        grad ??
        g.expand(
          g.constant(
            [0],
            node.outputs[i]!.shape.map(() => 1),
          ),
          node.outputs[i]!.shape,
        ),
    );
    return [g.concat(parts, node.attributes.axis)];
  },
  sum: ({ g, node, grads }) => [g.expand(grads[0]!, node.inputs[0]!.shape)],
  expand: ({ g, node, grads }) => [unbroadcast(g, grads[0]!, node.inputs[0]!.shape)],
  gather: ({ g, node, grads }) => {
    const [table, indices] = node.inputs as [Value, Value];
    if (table.shape.length !== 2) throw new Error('gather: only tables [rows, width] are differentiated');
    return [g.scatterAdd(grads[0]!, indices, table.shape[0] as number), undefined];
  },
  scatterAdd: ({ g, node, grads }) => [g.gather(grads[0]!, node.inputs[1]!), undefined],
  replaceRows: ({ g, node: { inputs }, grads, wanted }) => {
    const [, indices, rows] = inputs as [Value, Value, Value];
    const zeros = () => g.expand(g.scalar(0), rows.shape);
    return [
      wanted[0] ? g.replaceRows(grads[0]!, indices, zeros()) : undefined,
      undefined,
      wanted[2] ? g.gather(grads[0]!, indices) : undefined,
    ];
  },
  dropoutMask: () => [undefined],
  // With xhat = (x - mean) * inv and dxhat = dy * gamma: dx = inv * (dxhat - mean(dxhat) - xhat * mean(dxhat * xhat)).
  layerNorm: ({ g, node, grads, wanted }) => {
    const [x, gamma, beta] = node.inputs as [Value, Value, Value];
    const [, mean, inverse] = node.outputs as [Value, Value, Value];
    if (grads[1] || grads[2]) throw new Error('layerNorm: its mean and deviation are not differentiated');
    const grad = grads[0]!;
    const normalized = g.mul(g.sub(x, mean), inverse);
    const gradNormalized = g.mul(grad, gamma);
    const gradX = () => {
      const projected = g.mul(normalized, g.meanLast(g.mul(gradNormalized, normalized)));
      return g.mul(g.sub(g.sub(gradNormalized, g.meanLast(gradNormalized)), projected), inverse);
    };
    return [
      wanted[0] ? gradX() : undefined,
      wanted[1] ? unbroadcast(g, g.mul(grad, normalized), gamma.shape) : undefined,
      wanted[2] ? unbroadcast(g, grad, beta.shape) : undefined,
    ];
  },
};

/**
 * Gradients of a scalar `loss` (shape [], or all ones) with respect to each of `targets`, as values of the same graph.
 * @throws Error where the loss does not depend on a target.
 */
export function gradients(g: Graph, loss: Value, targets: readonly Value[]): Value[] {
  const order = topologicalOrder([loss]);
  const needs = new Set<Value>(targets);
  for (const node of order)
    if (node.inputs.some(input => needs.has(input))) for (const out of node.outputs) needs.add(out);
  const grads = new Map<Value, Value>([[loss, g.expand(g.scalar(1), loss.shape)]]);
  for (const node of order.reverse()) {
    const outGrads = node.outputs.map(output => grads.get(output));
    if (outGrads.every(grad => grad === undefined)) continue;
    const wanted = node.inputs.map(input => needs.has(input));
    if (!wanted.includes(true)) continue;
    const rule = gradientRules[node.op] as Rule<OpName>;
    const inGrads = rule({ g, node, grads: outGrads, wanted });
    node.inputs.forEach((input, i) => {
      const grad = inGrads[i];
      if (!wanted[i] || !grad) return;
      const known = grads.get(input);
      grads.set(input, known ? g.add(known, grad) : grad);
    });
  }
  return targets.map(target => {
    const grad = grads.get(target);
    if (!grad) throw new Error('the loss does not depend on a value whose gradient is asked for');
    return grad;
  });
}
