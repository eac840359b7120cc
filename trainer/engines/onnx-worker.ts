/**
 * The onnx engine's worker thread or process: owns one session, answers runs. `session.run` blocks its thread for its whole
 * length, so the event loop of the caller stays free for progress and signals.
 */
import { dirname } from 'node:path';
import { parentPort } from 'node:worker_threads';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import type { HostTensor } from './engine.ts';

/** The first message; every other is the inputs of a run. */
export interface SessionOptions {
  model: Uint8Array;
  /** File of the external weights; they are found in its folder. */
  weightsPath: string | undefined;
  threads: number;
}

type Inputs = Record<string, HostTensor>;

function openSession({ model, weightsPath, threads }: SessionOptions): Promise<InferenceSession> {
  return InferenceSession.create(model, {
    intraOpNumThreads: threads,
    interOpNumThreads: 1,
    executionMode: 'sequential',
    // The emitted graph needs no rewriting (measured as fast at every level), and shapes change from step to step.
    graphOptimizationLevel: 'disabled',
    enableMemPattern: false,
    extra: {
      session: {
        intra_op: { allow_spinning: '1' },
        ...(weightsPath ? { model_external_initializers_file_folder_path: dirname(weightsPath) } : {}),
      },
    },
  } as InferenceSession.SessionOptions);
}

async function runSession(session: InferenceSession, inputs: Inputs): Promise<Inputs> {
  const feeds: Record<string, Tensor> = {};
  for (const name of session.inputNames) {
    const tensor = inputs[name];
    if (!tensor) throw new Error(`input ${name} is missing`);
    feeds[name] = new Tensor(tensor.dtype, tensor.data as Float32Array, tensor.shape);
  }
  const outputs: Inputs = {};
  for (const [name, tensor] of Object.entries(await session.run(feeds))) {
    const data = tensor.data as Float32Array;
    outputs[name] = { dtype: tensor.type as HostTensor['dtype'], shape: tensor.dims, data };
  }
  return outputs;
}

let session: InferenceSession | undefined;

async function answer(message: SessionOptions | Inputs): Promise<object> {
  try {
    if (session) return { outputs: await runSession(session, message as Inputs) };
    session = await openSession(message as SessionOptions);
    return { ready: true };
  } catch (error) {
    return { error: (error as Error).message };
  }
}

if (parentPort) {
  const port = parentPort;
  port.on('message', async message => port.postMessage(await answer(message)));
} else {
  process.on('message', async message => process.send!(await answer(message as Inputs)));
  process.on('disconnect', () => process.exit());
  // Ctrl-C reaches every process of a terminal's group; the trainer finishes its step, for which it needs this one.
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => {});
}
