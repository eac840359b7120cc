/** Values, the nodes that make them, and the order they are made in. */
import type { Attributes, OpName, TensorType } from './ops.ts';

export interface Node<Op extends OpName = OpName> {
  op: Op;
  inputs: readonly Value[];
  attributes: Attributes[Op];
  outputs: readonly Value[];
  id: number;
}

export interface Value extends TensorType {
  node: Node;
  /** Which of the node's results. */
  output: number;
}

/** A node of a known op, for code that has just checked `node.op`. */
export function isOp<Op extends OpName>(value: Value, op: Op): value is Value & { node: Node<Op> } {
  return value.node.op === op;
}

/** The nodes that `outputs` need, inputs before users. */
export function topologicalOrder(outputs: readonly Value[]): Node[] {
  const order: Node[] = [];
  const seen = new Set<Node>();
  const stack: { node: Node; next: number }[] = [];
  for (const output of outputs) {
    if (seen.has(output.node)) continue;
    seen.add(output.node);
    stack.push({ node: output.node, next: 0 });
    for (let top = stack.at(-1); top; top = stack.at(-1)) {
      const input = top.node.inputs[top.next++];
      if (!input) {
        order.push(top.node);
        stack.pop();
      } else if (!seen.has(input.node)) {
        seen.add(input.node);
        stack.push({ node: input.node, next: 0 });
      }
    }
  }
  return order;
}
