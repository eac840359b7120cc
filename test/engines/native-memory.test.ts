/**
 * TensorFlow's own library keeps no tensor of a run, where setup-gpu has built it. In a file of its own: once it is loaded,
 * all TensorFlow.js of the process computes with it.
 */
import { expect, test } from 'vitest';
import { cacheDir } from '../../trainer/commands/command.ts';
import type { HostTensor } from '../../trainer/engines/engine.ts';
import { loadTensorFlow } from '../../trainer/engines/tensorflow.ts';
import { tfjsEngine } from '../../trainer/engines/tfjs.ts';
import { findTfjsPackages } from '../../trainer/engines/tfjs-package.ts';
import { gradients } from '../../trainer/graph/gradient.ts';
import { Graph } from '../../trainer/graph/graph.ts';

const [native] = findTfjsPackages(cacheDir);

/** A layer with attention to itself, its loss and the gradients of all that is fed. */
function layer() {
  const g = new Graph();
  const [x, w, gamma] = [g.input('x', ['B', 8, 16]), g.input('w', ['B', 16, 16]), g.input('gamma', [16])];
  const projected = g.gelu(g.matmul(x, w));
  const scores = g.softmax(g.matmul(projected, projected, { transB: true, alpha: 0.25 }));
  const normal = g.layerNorm(g.matmul(scores, projected), gamma, gamma, 1e-5);
  const loss = g.reshape(g.sum(g.mul(normal, g.concat([...g.split(x, 2, [4, 12])], 2)), [0, 1, 2]), []);
  const [dx, dw, dgamma] = gradients(g, loss, [x, w, gamma]);
  return { loss, dx: dx!, dw: dw!, dgamma: dgamma! };
}

test.skipIf(!native).each(['fp32', 'bf16'] as const)('in %s', async precision => {
  const tf = loadTensorFlow(native!.folder, native!.name);
  const backend = tf.backend() as unknown as { getNumOfTFTensors(): number };
  const counts = () => [tf.memory().numTensors, backend.getNumOfTFTensors()];
  const fed = (shape: number[]): HostTensor => {
    const data = new Float32Array(shape.reduce((a, b) => a * b, 1)).map((_, i) => Math.sin(i));
    return { dtype: 'float32', shape, data };
  };
  const inputs = { x: fed([2, 8, 16]), w: fed([2, 16, 16]), gamma: fed([16]) };
  const empty = tf.memory().numTensors;
  const program = await tfjsEngine(tf, precision).compile({ outputs: layer() });
  await program.run(inputs);
  const before = counts();
  for (let step = 0; step < 1000; step++) await program.run(inputs);
  expect(counts()).toEqual(before);
  await program.close();
  expect(tf.memory().numTensors).toBe(empty);
});
