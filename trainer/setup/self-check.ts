/** Whether an engine computes: a product, its gradient, and training steps that lower a loss, against the onnx engine. */
import { VeneerError } from '../../functions/error.ts';
import type { Engine, HostTensor, Program } from '../engines/engine.ts';
import { gradients } from '../graph/gradient.ts';
import { Graph } from '../graph/graph.ts';

const [rows, width, classes] = [8, 16, 4];
const learningRate = 0.5;
const steps = 5;

function pattern(count: number, pace: number): Float32Array {
  return Float32Array.from({ length: count }, (_, i) => Math.sin(1 + pace * i));
}

/** Softmax regression: logits, loss and the gradient of its matrix. */
function outputs() {
  const g = new Graph();
  const [x, w] = [g.input('x', [rows, width]), g.input('w', [width, classes])];
  const logits = g.matmul(x, w);
  const picked = g.mul(g.logSoftmax(logits), g.input('targets', [rows, classes]));
  const loss = g.reshape(g.scale(g.sum(picked, [0, 1]), -1 / rows), []);
  const [gradient] = gradients(g, loss, [w]);
  return { logits, loss, gradient: gradient! };
}

async function runSteps(program: Program): Promise<Record<string, HostTensor>[]> {
  const w = pattern(width * classes, 0.7);
  const targets = new Float32Array(rows * classes);
  for (let row = 0; row < rows; row++) targets[row * classes + (row % classes)] = 1;
  const answers: Record<string, HostTensor>[] = [];
  for (let step = 0; step < steps; step++) {
    const answer = await program.run({
      x: { dtype: 'float32', shape: [rows, width], data: pattern(rows * width, 1.3) },
      w: { dtype: 'float32', shape: [width, classes], data: w },
      targets: { dtype: 'float32', shape: [rows, classes], data: targets },
    });
    answers.push(answer);
    answer.gradient!.data.forEach((slope, i) => {
      w[i]! -= learningRate * slope;
    });
  }
  return answers;
}

async function answersOf(engine: Engine): Promise<Record<string, HostTensor>[]> {
  const program = await engine.compile({ outputs: outputs() });
  try {
    return await runSteps(program);
  } finally {
    await program.close();
  }
}

/** @param tolerance Absolute: 1e-4 where products are float32, more in TF32 or bfloat16. @throws VeneerError naming what differs. */
export async function selfCheck(
  engine: Engine,
  { against, tolerance }: { against: Engine; tolerance: number },
): Promise<{ product: number; gradient: number; losses: number[] }> {
  const [ours, theirs] = [await answersOf(engine), await answersOf(against)];
  const largest = (name: string) =>
    Math.max(...ours[0]![name]!.data.map((value, i) => Math.abs(value - theirs[0]![name]!.data[i]!)));
  const result = {
    product: largest('logits'),
    gradient: largest('gradient'),
    losses: ours.map(({ loss }) => loss!.data[0]!),
  };
  // Written so that NaN fails.
  for (const name of ['product', 'gradient'] as const)
    if (!(result[name] <= tolerance))
      throw new VeneerError(
        'unavailable',
        `self-check: the ${name} differs from the onnx engine's by ${result[name]} (at most ${tolerance})`,
      );
  if (!(result.losses.at(-1)! < result.losses[0]!))
    throw new VeneerError('unavailable', `self-check: training does not lower the loss (${result.losses})`);
  return result;
}
