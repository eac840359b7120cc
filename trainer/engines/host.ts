/** Where an engine's program runs outside the caller's thread, in a worker thread or a process, and how one talks with it. */
import { fork } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { EngineDied, type HostTensor } from './engine.ts';
import type { Spent } from './spent.ts';

export interface Ran {
  outputs: Record<string, HostTensor>;
  /** Where it was asked for. */
  spent?: Spent | undefined;
}
export type Answer = { ready: true } | Ran | { error: string };

/** The other side, whichever way it is hosted. */
export interface Host {
  send(message: unknown): void;
  onMessage(listener: (answer: Answer) => void): void;
  /** Called once, with what ended it. */
  onEnd(listener: (why: string) => void): void;
  close(): void;
}

export function threadHost(workerUrl: URL): Host {
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

export interface ProcessOptions {
  /** Besides the caller's own variables. */
  env?: Record<string, string>;
  /** Lines on standard error that are of no use to anybody. */
  chatter?: RegExp;
}

export function processHost(workerUrl: URL, { env = {}, chatter }: ProcessOptions = {}): Host {
  const child = fork(fileURLToPath(workerUrl), {
    serialization: 'advanced',
    execArgv: [],
    env: { ...process.env, ...env },
    // Stdout is the command's own, for its result.
    stdio: ['ignore', 'ignore', chatter ? 'pipe' : 'inherit', 'ipc'],
  });
  if (chatter)
    createInterface({ input: child.stderr! }).on('line', line => {
      if (!chatter.test(line)) process.stderr.write(`${line}\n`);
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

/** Asks one thing at a time. @param vendor Whose errors the other side reports. */
export function conversationWith(host: Host, vendor: string): (message: unknown) => Promise<Answer> {
  let ended: EngineDied | undefined;
  let pending: { resolve(answer: Answer): void; reject(error: Error): void } | undefined;
  host.onMessage(answer => {
    if ('error' in answer) pending?.reject(new Error(`${vendor}: ${answer.error}`));
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
