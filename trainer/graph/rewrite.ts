/**
 * Algebra applied while a graph is built. Two identities make the gradient of a merged LoRA weight W + B A cheap without
 * any rule knowing of LoRA: products are reassociated where that needs fewer multiplications, (dY' X) A' = dY' (X A'), so
 * that the dense gradient dY' X of the frozen weight is never computed; and a split moves to the operand that it cuts.
 */
import { type Dim, factorOf, symbolsOf } from './shape.ts';
import { isOp, type Value } from './value.ts';

/** The two operations that rewriting is about; a Graph has them. */
interface Algebra {
  matmul(
    a: Value,
    b: Value,
    options?: { transA?: boolean; transB?: boolean; alpha?: number; addend?: Value | undefined },
  ): Value;
  split(x: Value, axis: number, sizes: readonly Dim[]): readonly Value[];
}

interface MatmulOptions {
  transA: boolean;
  transB: boolean;
  alpha: number;
  addend: Value | undefined;
}

/** Stand-in for a symbolic batch or length when costs are compared: both are large beside a LoRA rank. */
const typicalSymbol = 64;

function typical(dim: Dim): number {
  return factorOf(dim) * typicalSymbol ** symbolsOf(dim).length;
}

/** Rows and columns of a 2-D operand as it enters the product. */
function sides(x: Value, transposed: boolean): [number, number] {
  const [rows, columns] = [typical(x.shape[0]!), typical(x.shape[1]!)];
  return transposed ? [columns, rows] : [rows, columns];
}

/**
 * (P Q) R -> P (Q R), or P (Q R) -> (P Q) R, for 2-D products, where that takes fewer multiplications.
 * Undefined where nothing is gained.
 */
export function simplifyMatmul(
  graph: Algebra,
  a: Value,
  b: Value,
  options: MatmulOptions,
): Value | undefined {
  if (a.shape.length !== 2) return undefined;
  const { transA, transB, alpha, addend } = options;
  const [m, k] = sides(a, transA);
  const n = sides(b, transB)[1];
  if (isOp(a, 'matmul') && a.node.inputs.length === 2) {
    const inner = a.node.attributes;
    // Factors of op(a): a = op(x) op(y), and a' = op(y)' op(x)'.
    const [x, y] = a.node.inputs as [Value, Value];
    const [left, leftT, right, rightT] = transA
      ? [y, !inner.transB, x, !inner.transA]
      : [x, inner.transA, y, inner.transB];
    const shared = sides(left, leftT)[1];
    if (shared * k * n + m * shared * n < m * shared * k + m * k * n) {
      const tail = graph.matmul(right, b, { transA: rightT, transB });
      return graph.matmul(left, tail, { transA: leftT, alpha: alpha * inner.alpha, addend });
    }
  }
  if (isOp(b, 'matmul') && b.node.inputs.length === 2) {
    const inner = b.node.attributes;
    const [x, y] = b.node.inputs as [Value, Value];
    const [left, leftT, right, rightT] = transB
      ? [y, !inner.transB, x, !inner.transA]
      : [x, inner.transA, y, inner.transB];
    const shared = sides(left, leftT)[1];
    if (m * k * shared + m * shared * n < k * shared * n + m * k * n) {
      const head = graph.matmul(a, left, { transA, transB: leftT });
      return graph.matmul(head, right, { transB: rightT, alpha: alpha * inner.alpha, addend });
    }
  }
  return undefined;
}

/** split(concat(xs)) -> xs; split(a b) -> split(a) b along rows, a split(b) along columns. Undefined where neither fits. */
export function simplifySplit(
  graph: Algebra,
  x: Value,
  axis: number,
  sizes: readonly Dim[],
): readonly Value[] | undefined {
  if (isOp(x, 'concat') && x.node.attributes.axis === axis) {
    const parts = x.node.inputs;
    if (parts.length === sizes.length && parts.every((part, i) => part.shape[axis] === sizes[i]))
      return parts;
  }
  if (isOp(x, 'matmul') && x.shape.length === 2 && x.node.inputs.length === 2) {
    const [a, b] = x.node.inputs as [Value, Value];
    const { transA, transB, alpha } = x.node.attributes;
    if (axis === 0)
      return graph
        .split(a, transA ? 1 : 0, sizes)
        .map(part => graph.matmul(part, b, { transA, transB, alpha }));
    return graph
      .split(b, transB ? 0 : 1, sizes)
      .map(part => graph.matmul(a, part, { transA, transB, alpha }));
  }
  return undefined;
}
