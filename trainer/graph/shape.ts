/**
 * Shapes with symbols: a dimension is a number, or a product of named symbols and a number such as `B`, `B*S` or `12*B`.
 * One graph then serves every batch size and length.
 */

/** A non-negative number, or a canonical product: optional leading number, then symbols in order, joined by `*`. */
export type Dim = number | string;
export type Shape = readonly Dim[];

interface Product {
  factor: number;
  symbols: string[];
}

function parse(dim: Dim): Product {
  if (typeof dim === 'number') return { factor: dim, symbols: [] };
  const parts = dim.split('*');
  const factor = Number(parts[0]);
  return Number.isNaN(factor) ? { factor: 1, symbols: parts } : { factor, symbols: parts.slice(1) };
}

/** Product of dimensions in canonical form. */
export function product(dims: Shape): Dim {
  let factor = 1;
  const symbols: string[] = [];
  for (const dim of dims) {
    const part = parse(dim);
    factor *= part.factor;
    symbols.push(...part.symbols);
  }
  if (symbols.length === 0 || factor === 0) return factor;
  symbols.sort();
  return (factor === 1 ? symbols : [String(factor), ...symbols]).join('*');
}

/** Value of a dimension once the symbols are known. */
export function evaluate(dim: Dim, symbols: ReadonlyMap<string, number>): number {
  const part = parse(dim);
  let value = part.factor;
  for (const symbol of part.symbols) {
    const known = symbols.get(symbol);
    if (known === undefined) throw new Error(`dimension ${symbol} is not bound by any input`);
    value *= known;
  }
  return value;
}

export function symbolsOf(dim: Dim): string[] {
  return parse(dim).symbols;
}

export function factorOf(dim: Dim): number {
  return parse(dim).factor;
}

/** Reads the symbols off an actual shape; only single-symbol dimensions bind. */
export function bind(
  shape: Shape,
  actual: readonly number[],
  symbols: Map<string, number>,
  what: string,
): void {
  if (shape.length !== actual.length)
    throw new Error(`${what} has shape [${actual}], but the graph expects [${shape}]`);
  shape.forEach((dim, axis) => {
    const size = actual[axis]!;
    const part = parse(dim);
    if (part.symbols.length === 1 && part.factor === 1 && !symbols.has(part.symbols[0]!))
      symbols.set(part.symbols[0]!, size);
    else if (part.symbols.every(symbol => symbols.has(symbol)) && evaluate(dim, symbols) !== size)
      throw new Error(`${what} has shape [${actual}], but the graph expects [${shape}]`);
  });
}

/** Shape of an elementwise result, by NumPy's broadcasting rule. */
export function broadcast(a: Shape, b: Shape): Dim[] {
  const rank = Math.max(a.length, b.length);
  return Array.from({ length: rank }, (_, axis) => {
    const da = a[axis - rank + a.length] ?? 1;
    const db = b[axis - rank + b.length] ?? 1;
    if (da !== db && da !== 1 && db !== 1) throw new Error(`shapes [${a}] and [${b}] do not broadcast`);
    return da === 1 ? db : da;
  });
}

export function sameShape(a: Shape, b: Shape): boolean {
  return a.length === b.length && a.every((dim, axis) => dim === b[axis]);
}
