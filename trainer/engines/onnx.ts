/**
 * The onnx engine: emits the graph as ONNX and runs it with onnxruntime-node outside the caller's thread: in a worker
 * thread, or, where several run side by side and one may be lost, in a process of its own.
 */
import { fork } from 'node:child_process';
import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { packageFile } from '../../functions/package-file.ts';
import { emitOnnx } from '../graph/onnx.ts';
import { type Engine, EngineDied, type HostTensor, type Program, type ProgramSource } from './engine.ts';
import type { SessionOptions } from './onnx-worker.ts';

type Answer = { ready: true } | { outputs: Record<string, HostTensor> } | { error: string };

export interface OnnxEngineOptions {
  /** Threads of one run (intra-op); ops run one after another. */
  threads: number;
  /** A worker thread where left out. */
  host?: 'thread' | 'process';
}

const workerUrl = packageFile('dist/trainer/engines/onnx-worker.js');

/** The other side, whichever way it is hosted. */
interface Host {
  send(message: unknown): void;
  onMessage(listener: (answer: Answer) => void): void;
  /** Called once, with what ended it. */
  onEnd(listener: (why: string) => void): void;
  close(): void;
}

function threadHost(): Host {
  const worker = new Worker(workerUrl);
  return {
    send: message => worker.postMessage(message),
    onMessage: listener => worker.on('message', listener),
    onEnd: listener => {
      worker.once('error', error => listener(error.message));
      worker.once('exit', code => listener(`code ${code}`));
    },
    close: () => void worker.terminate(),
  };
}

function processHost(): Host {
  const child = fork(fileURLToPath(workerUrl), {
    serialization: 'advanced',
    execArgv: [],
    // Stdout is the command's own, for its result.
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  return {
    // A dead process is told by its exit alone.
    send: message => child.send(message as object, () => {}),
    onMessage: listener => child.on('message', listener as (message: unknown) => void),
    onEnd: listener => {
      child.on('error', error => listener(error.message));
      child.once('exit', (code, signal) => listener(signal ?? `code ${code}`));
    },
    close: () => void child.kill('SIGKILL'),
  };
}

const hosts = { thread: threadHost, process: processHost };

/** Asks one thing at a time. */
function conversationWith(host: Host): (message: unknown) => Promise<Answer> {
  let ended: EngineDied | undefined;
  let pending: { resolve(answer: Answer): void; reject(error: Error): void } | undefined;
  host.onMessage(answer => {
    if ('error' in answer) pending?.reject(new Error(`onnxruntime: ${answer.error}`));
    else pending?.resolve(answer);
  });
  host.onEnd(why => {
    ended ??= new EngineDied(`the engine's worker ended (${why})`);
    pending?.reject(ended);
  });
  return message =>
    new Promise((resolve, reject) => {
      pending = { resolve, reject };
      if (ended) reject(ended);
      else host.send(message);
    });
}

async function compile(
  { outputs, weights }: ProgramSource,
  { threads, host: kind = 'thread' }: OnnxEngineOptions,
): Promise<Program> {
  const model = emitOnnx({
    outputs,
    ...(weights ? { weights: { location: basename(weights.path), tensors: weights.tensors } } : {}),
  });
  const host = hosts[kind]();
  const ask = conversationWith(host);
  try {
    await ask({ model, weightsPath: weights?.path, threads } satisfies SessionOptions);
  } catch (error) {
    host.close();
    throw error;
  }
  return {
    run: async inputs => ((await ask(inputs)) as { outputs: Record<string, HostTensor> }).outputs,
    close: async () => host.close(),
  };
}

export function onnxEngine(options: OnnxEngineOptions): Engine {
  return { name: 'onnx', compile: source => compile(source, options) };
}
