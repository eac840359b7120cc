/**
 * Worker thread of the onnx engine: owns one session, answers runs. `session.run` blocks its thread for its whole length,
 * so the event loop of the caller stays free for progress and signals.
 */
import { dirname } from 'node:path';
import { parentPort, workerData } from 'node:worker_threads';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import type { HostTensor } from './engine.ts';

export interface WorkerOptions {
  model: Uint8Array;
  /** File of the external weights; they are found in its folder. */
  weightsPath: string | undefined;
  threads: number;
}

const port = parentPort!;
const { model, weightsPath, threads } = workerData as WorkerOptions;

const session = await InferenceSession.create(model, {
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

port.on('message', async (inputs: Record<string, HostTensor>) => {
  try {
    const feeds: Record<string, Tensor> = {};
    for (const name of session.inputNames) {
      const tensor = inputs[name];
      if (!tensor) throw new Error(`input ${name} is missing`);
      feeds[name] = new Tensor(tensor.dtype, tensor.data as Float32Array, tensor.shape);
    }
    const results = await session.run(feeds);
    const outputs: Record<string, HostTensor> = {};
    for (const [name, tensor] of Object.entries(results)) {
      const data = tensor.data as Float32Array;
      outputs[name] = { dtype: tensor.type as HostTensor['dtype'], shape: tensor.dims, data };
    }
    port.postMessage({ outputs });
  } catch (error) {
    port.postMessage({ error: (error as Error).message });
  }
});

port.postMessage({ ready: true });
