/**
 * The onnx engine's worker thread or process: owns one session, answers runs. `session.run` blocks its thread for its whole
 * length, so the event loop of the caller stays free for progress and signals.
 */
import { dirname } from 'node:path';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import type { HostTensor } from './engine.ts';
import { serveProgram } from './worker.ts';

export interface SessionOptions {
  model: Uint8Array;
  /** File of the external weights; they are found in its folder. */
  weightsPath: string | undefined;
  threads: number;
  device: 'cpu' | 'cuda';
}

type Inputs = Record<string, HostTensor>;

function openSession({ model, weightsPath, threads, device }: SessionOptions): Promise<InferenceSession> {
  return InferenceSession.create(model, {
    executionProviders: [device],
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

serveProgram(async (options: SessionOptions) => {
  const session = await openSession(options);
  return async inputs => ({ outputs: await runSession(session, inputs) });
});
