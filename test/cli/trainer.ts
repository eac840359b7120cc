/** Runs the bundled command line as a user does: a child process in a folder of its own. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { expect } from 'vitest';

const main = fileURLToPath(new URL('../../dist/trainer/main.js', import.meta.url));

export interface Ran {
  /** Null where a signal ended it. */
  code: number | null;
  signal: NodeJS.Signals | null;
  stdout: string;
  stderr: string;
}

export interface Running {
  child: ChildProcess;
  ended: Promise<Ran>;
}

export interface RunOptions {
  /** Working directory; the default store is `.veneer` in it. */
  cwd: string;
  env?: NodeJS.ProcessEnv;
}

export function startTrainer(args: readonly string[], { cwd, env }: RunOptions): Running {
  const { VENEER_STORE: _store, VENEER_BASE: _base, ...inherited } = process.env;
  const child = spawn(process.execPath, [main, ...args], {
    cwd,
    // A hub that refuses at once: no test leaves this machine.
    env: { ...inherited, HF_ENDPOINT: 'http://127.0.0.1:9', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const text = { stdout: '', stderr: '' };
  for (const stream of ['stdout', 'stderr'] as const)
    child[stream].setEncoding('utf8').on('data', piece => {
      text[stream] += piece;
    });
  const ended = once(child, 'close').then(([code, signal]): Ran => ({ code, signal, ...text }));
  return { child, ended };
}

export function runTrainer(args: readonly string[], options: RunOptions): Promise<Ran> {
  return startTrainer(args, options).ended;
}

/** The one JSON line on stdout of a command that went well. */
export function resultOf(ran: Ran): Record<string, unknown> {
  expect(ran).toMatchObject({ code: 0, stdout: expect.stringMatching(/^\{[^\n]*\}\n$/) });
  return JSON.parse(ran.stdout);
}

/** What stands after `error: ` in the one line on stderr of a command that failed. */
export function refusalOf(ran: Ran, code: 1 | 2 = 1): string {
  expect(ran).toMatchObject({ code, stderr: expect.stringMatching(/^error: [^\n]+\n$/) });
  return ran.stderr.slice('error: '.length, -1);
}
