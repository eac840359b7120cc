/** onnxruntime's own profile of a graph, node by node. */
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { disableRuntimeTelemetry } from '../../functions/engine/telemetry.ts';
import type { Feed } from '../../functions/engine/token-feeds.ts';
import { median } from './child.ts';

export interface NodeTime {
  op: string;
  /** Of one run: the median, and the fastest. */
  ms: number;
  leastMs: number;
  /** Of a matrix product, a multiply-add counted as two; 0 of anything else. */
  flops: number;
}

/** What a profile says of one node in one run. */
interface NodeEvent {
  cat: string;
  name: string;
  /** Microseconds. */
  dur: number;
  args: {
    op_name: string;
    input_type_shape: Record<string, number[]>[];
    output_type_shape: Record<string, number[]>[];
  };
}

const warmUpRuns = 3;
const runs = 30;

/** Runs the graph on one thread, with the options that serving has. */
export async function profileGraph(path: string, feeds: Readonly<Record<string, Feed>>): Promise<NodeTime[]> {
  const folder = await mkdtemp(join(tmpdir(), 'veneer-profile-'));
  try {
    disableRuntimeTelemetry();
    const { InferenceSession, Tensor } = await import('onnxruntime-node');
    const session = await InferenceSession.create(path, {
      intraOpNumThreads: 1,
      interOpNumThreads: 1,
      executionMode: 'sequential',
      graphOptimizationLevel: 'disabled',
      enableMemPattern: false,
      enableProfiling: true,
      profileFilePrefix: join(folder, 'profile'),
    });
    const tensors = Object.fromEntries(
      Object.entries(feeds).map(([name, { dtype, data, shape }]) => [
        name,
        new Tensor(dtype, data as Float32Array, shape),
      ]),
    );
    for (let run = 0; run < warmUpRuns + runs; run++) await session.run(tensors);
    session.endProfiling();
    await session.release();
    const [file] = await readdir(folder);
    return nodeTimes(JSON.parse(await readFile(join(folder, file!), 'utf8')));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function nodeTimes(events: readonly NodeEvent[]): NodeTime[] {
  const nodes = new Map<string, NodeEvent[]>();
  for (const event of events)
    if (event.cat === 'Node') nodes.set(event.name, [...(nodes.get(event.name) ?? []), event]);
  return Array.from(nodes.values(), ownEvents => {
    const ms = ownEvents.slice(warmUpRuns).map(({ dur }) => dur / 1000);
    const { args } = ownEvents[0]!;
    return { op: args.op_name, ms: median(ms), leastMs: Math.min(...ms), flops: flopsOf(args) };
  });
}

/** The first factor of no product here is broadcast, so its size by the result's rows is the length of the sums. */
function flopsOf({ op_name, input_type_shape, output_type_shape }: NodeEvent['args']): number {
  if (!/^(Fused)?MatMul|^Gemm$/.test(op_name)) return 0;
  const [first, result] = [input_type_shape[0]!, output_type_shape[0]!].map(type => Object.values(type)[0]!);
  const size = (shape: readonly number[]) => shape.reduce((a, b) => a * b, 1);
  return 2 * size(first!) * result!.at(-1)!;
}
