/**
 * Rotary positions (https://arxiv.org/abs/2104.09864): pairs of a head's elements, half its width apart, are turned by an
 * angle that grows with the token's position. Cosines and sines are tables of the base, by position.
 */
import type { Graph } from '../graph/graph.ts';
import type { Value } from '../graph/value.ts';

interface TableShape {
  positions: number;
  /** Of a head. */
  width: number;
  /** Base of the wavelengths. */
  theta: number;
}

/** float32 [positions, width / 2], with angles rounded to float32 as PyTorch has them. */
function angleTable({ positions, width, theta }: TableShape, of: (angle: number) => number): Float32Array {
  const half = width / 2;
  const frequencies = Float32Array.from({ length: half }, (_, i) =>
    Math.fround(1 / Math.fround(theta ** Math.fround((2 * i) / width))),
  );
  return Float32Array.from({ length: positions * half }, (_, i) =>
    of(Math.fround(Math.floor(i / half) * frequencies[i % half]!)),
  );
}

export const cosines = (shape: TableShape) => angleTable(shape, Math.cos);
export const sines = (shape: TableShape) => angleTable(shape, Math.sin);

/** @param x [B, heads, S, width] @param cos [S, width / 2] @param sin [S, width / 2] */
export function rotate(g: Graph, x: Value, { cos, sin }: { cos: Value; sin: Value }): Value {
  const half = (x.shape[3] as number) / 2;
  const [a, b] = g.split(x, 3, [half, half]) as [Value, Value];
  return g.concat([g.sub(g.mul(a, cos), g.mul(b, sin)), g.add(g.mul(b, cos), g.mul(a, sin))], 3);
}
