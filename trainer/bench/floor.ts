/**
 * Where the time of one served batch goes, by class of operators, beside the least it could take: its multiply-adds at the
 * rate of a large product alone on the same thread, measured in the same run. What is left over is the price of everything
 * that is not a product.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { baseFile } from '../../functions/artifacts/bases.ts';
import type { BaseManifest } from '../../functions/artifacts/manifests.ts';
import { readSafetensors, type TensorData, writeSafetensors } from '../../functions/artifacts/safetensors.ts';
import { assemble } from '../../functions/engine/batch.ts';
import { saturates } from '../../functions/engine/cpu.ts';
import type { Feed } from '../../functions/engine/token-feeds.ts';
import { type Variant, variantName } from '../../functions/engine/variants.ts';
import type { Store } from '../../functions/store/store.ts';
import { cacheDir } from '../commands/command.ts';
import { Graph } from '../graph/graph.ts';
import { emitOnnx } from '../graph/onnx.ts';
import type { Value } from '../graph/value.ts';
import { benchAdapter } from './adapter.ts';
import { type NodeTime, profileGraph } from './profile.ts';
import { benchRows } from './rows.ts';

/** Classes of operators, and the rate that bounds them where they are products. */
const classes: [title: string, ops: RegExp, peak?: 'int8' | 'float32'][] = [
  ['8-bit products', /^MatMul(Integer|NBits)/, 'int8'],
  ['float32 products', /^(Fused)?MatMul$|^Gemm$/, 'float32'],
  ['rounding', /^(Abs|ReduceMax|Max|Div|Reciprocal|Clip|Round|Quantize|Dequantize)/],
  ['softmax', /^Softmax$/],
  ['LayerNorm', /LayerNorm/],
  ['activation', /^(Gelu|Relu|Erf)$/],
  ['sums and scales', /^(Add|Sub|Mul)$/],
  ['moving', /^(Transpose|Reshape|Split|Concat|Gather|Cast|Expand|Shape|Slice|Squeeze|Unsqueeze|Identity)$/],
  ['other', /./],
];

export interface FloorRow {
  operators: string;
  ms: number;
  /** Multiply-adds counted as two, in 1e9. */
  gigaflops: number;
  floorMs: number;
}

export interface Floor {
  /** 1e9 operations a second. */
  peaks: Record<'int8' | 'float32', number>;
  rows: FloorRow[];
}

export async function measureFloor(
  { store, manifest }: { store: Store; manifest: BaseManifest },
  { batch, length }: { batch: number; length: number },
): Promise<Floor> {
  const adapter = benchAdapter(manifest, { seed: 1, modules: ['q', 'v'], rank: 8 });
  const narrow = manifest.precision === 'int8' && saturates();
  const variant: Variant = { head: 'pooled', modules: ['q', 'v'], form: 'int8', narrow };
  const graph = manifest.graphs[variantName(variant)]!;
  const { config } = manifest;
  const rows = benchRows({ lengths: new Array(batch).fill(length), adapters: [adapter], config });
  const feeds = assemble(rows, variant, { config });
  const nodes = await profileGraph(await baseFile(store, manifest.name, graph, cacheDir), feeds);
  const alone = { int8: await productAlone('int8'), float32: await productAlone('float32') };
  const peaks = { int8: peakOf(alone.int8), float32: peakOf(alone.float32) };
  const left = new Set(nodes);
  const table = classes.map(([operators, ops, peak]): FloorRow => {
    const own = [...left].filter(({ op }) => ops.test(op));
    for (const node of own) left.delete(node);
    const sum = (of: 'ms' | 'flops') => own.reduce((total, node) => total + node[of], 0);
    const gigaflops = sum('flops') / 1e9;
    return { operators, ms: sum('ms'), gigaflops, floorMs: peak ? (1000 * gigaflops) / peaks[peak] : 0 };
  });
  return { peaks, rows: table };
}

/** The best rate of any product: 1e9 operations a second. */
function peakOf(nodes: readonly NodeTime[]): number {
  return Math.max(...nodes.map(({ flops, leastMs }) => flops / leastMs / 1e6));
}

/** [512, 1024] x [1024, 1024]: large enough to hide what is around it. */
async function productAlone(kind: 'int8' | 'float32'): Promise<NodeTime[]> {
  const [rows, width] = [512, 1024];
  const g = new Graph();
  const x = g.input('x', [rows, width]);
  const factor = (name: string, shape: number[]) => g.weight(name, shape, kind);
  const product: Value =
    kind === 'int8'
      ? g.quantizedLinear(
          x,
          { weight: factor('w', [width, width]), scales: g.weight('scales', [width]) },
          { levels: 127 },
        )
      : g.matmul(x, factor('w', [width, width]));
  const values = Float32Array.from({ length: width * width }, (_, i) => Math.sin(i));
  const bytesOf = (data: Int8Array | Float32Array) => new Uint8Array(data.buffer);
  const weights: [string, TensorData][] = [
    [
      'w',
      {
        dtype: kind === 'int8' ? 'I8' : 'F32',
        shape: [width, width],
        data: bytesOf(kind === 'int8' ? Int8Array.from(values, value => 127 * value) : values),
      },
    ],
    ['scales', { dtype: 'F32', shape: [width], data: bytesOf(values.slice(0, width)) }],
  ];
  const folder = await mkdtemp(join(tmpdir(), 'veneer-product-'));
  try {
    const file = writeSafetensors(weights);
    const places = [...readSafetensors(file, 'weights')].map(
      ([name, { offset, data }]) => [name, { offset, bytes: data.length }] as const,
    );
    const location = 'weights';
    await writeFile(join(folder, location), file);
    const path = join(folder, 'product.onnx');
    await writeFile(
      path,
      emitOnnx({ outputs: { product }, weights: { location, tensors: new Map(places) } }),
    );
    const data = values.slice(0, rows * width);
    const feeds: Record<string, Feed> = { x: { dtype: 'float32', shape: [rows, width], data } };
    return await profileGraph(path, feeds);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** The table, with a line of totals. */
export function floorTable({ rows }: Floor): Record<string, string>[] {
  const total = (of: 'ms' | 'gigaflops' | 'floorMs') => rows.reduce((sum, row) => sum + row[of], 0);
  const all = { operators: 'all', ms: total('ms'), gigaflops: total('gigaflops'), floorMs: total('floorMs') };
  return [...rows.filter(row => row.ms > 0), all].map(({ operators, ms, gigaflops, floorMs }) => ({
    operators,
    ms: ms.toFixed(2),
    share: `${((100 * ms) / all.ms).toFixed(0)} %`,
    GFLOP: gigaflops === 0 ? '' : gigaflops.toFixed(2),
    'floor, ms': floorMs === 0 ? '' : floorMs.toFixed(2),
    'times the floor': floorMs === 0 ? '' : (ms / floorMs).toFixed(2),
  }));
}
