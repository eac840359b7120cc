/**
 * TensorFlow.js, loaded when it is asked for: no other file imports it. Also products in bfloat16, which it has no type
 * for: they go through the raw ops of the Node binding, with float32 before and behind them.
 */
import { createRequire } from 'node:module';
import { join } from 'node:path';
import util from 'node:util';
import type * as TensorFlow from '@tensorflow/tfjs';

export type Tf = typeof TensorFlow;
export type Tensor = TensorFlow.Tensor;
export type Tensor1D = TensorFlow.Tensor1D;

/** Packages that compute with TensorFlow's own library; both hold the same binding. */
export const nativePackages = ['@tensorflow/tfjs-node-gpu', '@tensorflow/tfjs-node'] as const;
export type NativePackage = (typeof nativePackages)[number];

export interface TensorFlowDevice {
  /** Version of TensorFlow's library, or of TensorFlow.js where it computes in JavaScript. */
  version: string;
  device: 'gpu' | 'cpu' | 'javascript';
}

/** The parts of the Node backend that are used by name (nodejs_kernel_backend.ts of tfjs-node 4.22). */
interface NodeBackend {
  isUsingGpuDevice: boolean;
  binding: {
    TF_Version: string;
    TF_ATTR_TYPE: number;
    TF_ATTR_BOOL: number;
    executeOp(name: string, attributes: OpAttribute[], ids: number[], outputs: number): OpOutput[];
  };
  tensorMap: { set(key: object, value: object): void };
  getInputTensorIds(tensors: Tensor[]): number[];
}
interface OpAttribute {
  name: string;
  type: number;
  value: number | boolean;
}
interface OpOutput {
  id: number;
  shape: number[];
  dtype: number;
}

/** TF_DataType. https://github.com/tensorflow/tensorflow/blob/master/tensorflow/core/framework/types.proto */
const float = 1;
const bfloat16 = 14;

/** @param folder Where its node_modules are, or those of a folder above. */
export function loadTensorFlow(folder: string, name: NativePackage): Tf {
  // Node 23 has dropped it, and tfjs-node calls it.
  (util as { isNullOrUndefined?: unknown }).isNullOrUndefined ??= (value: unknown) => value == null;
  return createRequire(join(folder, 'package.json'))(name) as Tf;
}

function nodeBackend(tf: Tf): NodeBackend | undefined {
  const backend = tf.backend() as unknown as Partial<NodeBackend>;
  return backend.binding?.executeOp ? (backend as NodeBackend) : undefined;
}

export function deviceOf(tf: Tf): TensorFlowDevice {
  const backend = nodeBackend(tf);
  if (!backend) return { version: tf.version_core, device: 'javascript' };
  return { version: backend.binding.TF_Version, device: backend.isUsingGpuDevice ? 'gpu' : 'cpu' };
}

export interface Bfloat16 {
  /** A tensor of bfloat16 that TensorFlow.js takes for one of float32: fit for `matMul` here and for disposal alone. */
  cast(x: Tensor): Tensor;
  /** float32 product of two such tensors. */
  matMul(a: Tensor, b: Tensor, transA: boolean, transB: boolean): Tensor;
}

/** Undefined where the backend cannot, or does not get a small product right. */
export function bfloat16Of(tf: Tf): Bfloat16 | undefined {
  const backend = nodeBackend(tf);
  if (!backend) return undefined;
  const { binding } = backend;
  const type = (name: string, value: number) => ({ name, type: binding.TF_ATTR_TYPE, value });
  const flag = (name: string, value: boolean) => ({ name, type: binding.TF_ATTR_BOOL, value });
  const execute = (op: string, attributes: OpAttribute[], inputs: Tensor[]): Tensor => {
    const [made] = binding.executeOp(op, attributes, backend.getInputTensorIds(inputs), 1);
    const { id, shape, dtype } = made!;
    const dataId = {};
    backend.tensorMap.set(dataId, { shape, dtype, id, values: null, refCount: 1 });
    return tf.engine().makeTensorFromTensorInfo({ dataId, shape, dtype: 'float32' });
  };
  const cast = (x: Tensor, from: number, to: number) =>
    execute('Cast', [type('SrcT', from), type('DstT', to), flag('Truncate', false)], [x]);
  const able: Bfloat16 = {
    cast: x => cast(x, float, bfloat16),
    matMul(a, b, transA, transB) {
      const attributes = [type('T', bfloat16), flag('adj_x', transA), flag('adj_y', transB)];
      return cast(execute('BatchMatMulV2', attributes, [a, b]), bfloat16, float);
    },
  };
  try {
    const [product] = tf.tidy(() => {
      const [a, b] = [tf.tensor2d([[1.5, -2]]), tf.tensor2d([[4], [0.25]])];
      return able.matMul(able.cast(a), able.cast(b), false, false).dataSync();
    });
    return product === 5.5 ? able : undefined;
  } catch {
    return undefined;
  }
}

/** From now on adds up the time inside the binding; 0 for ever where the backend has none. @returns A reader of it, in milliseconds. */
export function timeBinding(tf: Tf): () => number {
  const backend = nodeBackend(tf);
  let spent = 0;
  if (backend) {
    const timed = (f: (...args: unknown[]) => unknown) =>
      function (this: unknown, ...args: unknown[]) {
        const started = performance.now();
        try {
          return f.apply(this, args);
        } finally {
          spent += performance.now() - started;
        }
      };
    // Its own properties can be neither written nor enumerated.
    const binding = backend.binding as unknown as Record<string, unknown>;
    backend.binding = Object.create(
      backend.binding,
      Object.fromEntries(
        Object.getOwnPropertyNames(binding)
          .filter(name => typeof binding[name] === 'function')
          .map(name => [name, { value: timed(binding[name] as () => unknown) }]),
      ),
    );
  }
  return () => spent;
}
