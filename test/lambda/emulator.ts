/**
 * AWS Lambda on this machine: its Runtime Interface Emulator with its Node client on Node 22, around a packaged function.
 * `test/lambda/install-emulator.sh` puts them where this looks.
 */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from '../store/versitygw.ts';

const folder =
  process.env.VENEER_LAMBDA_EMULATOR ||
  join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'veneer/lambda-1');

export const howToGetIt = `no Lambda emulator in ${folder}: run "bash test/lambda/install-emulator.sh"`;

export const emulatorFound =
  existsSync(join(folder, 'aws-lambda-rie')) && existsSync(join(folder, 'runtime/installed'));

export interface Invoked {
  statusCode: number;
  headers: Record<string, string>;
  body: string;
}

export interface Emulator {
  invoke(event: object): Promise<Invoked>;
  /** Milliseconds of the last INIT REPORT line. */
  initMs(): number;
  log(): string;
  stop(): Promise<void>;
}

/** Ready to be invoked; the function itself starts with the first invocation. */
export async function startEmulator(
  task: string,
  handler: string,
  env: Record<string, string>,
): Promise<Emulator> {
  const [invocations, runtime] = [await freePort(), await freePort()];
  const listening = [
    ...['--runtime-interface-emulator-address', `127.0.0.1:${invocations}`],
    ...['--runtime-api-address', `127.0.0.1:${runtime}`],
  ];
  const client = [
    join(folder, 'runtime/node'),
    join(folder, 'runtime/node_modules/aws-lambda-ric/index.mjs'),
  ];
  const child = spawn(join(folder, 'aws-lambda-rie'), [...listening, ...client, handler], {
    cwd: task,
    // A group of its own: the emulator leaves the runtime that it started behind.
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      PATH: process.env.PATH,
      LAMBDA_TASK_ROOT: task,
      AWS_LAMBDA_FUNCTION_TIMEOUT: '60',
      AWS_EC2_METADATA_DISABLED: 'true',
      ...env,
    },
  });
  let log = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', piece => {
      log += piece;
    });
  const ended = new Promise<void>(done => child.once('close', () => done()));
  const url = `http://127.0.0.1:${invocations}/2015-03-31/functions/function/invocations`;
  // A GET of this path is refused without starting the function.
  for (let tries = 0; !(await fetch(url).catch(() => undefined)); tries++) {
    if (tries === 200 || child.exitCode !== null) throw new Error(`the emulator did not start: ${log}`);
    await sleep(50);
  }

  return {
    async invoke(event) {
      const answer = await fetch(url, { method: 'POST', body: JSON.stringify(event) });
      const text = await answer.text();
      try {
        return JSON.parse(text);
      } catch {
        throw new Error(`not an answer: ${text}\n${log}`);
      }
    },
    initMs() {
      const found = [...log.matchAll(/INIT REPORT\(durationMs: ([\d.]+)\)/g)].at(-1);
      if (!found) throw new Error(`no INIT REPORT line: ${log}`);
      return Number(found[1]);
    },
    log: () => log,
    async stop() {
      try {
        process.kill(-child.pid!, 'SIGKILL');
      } catch {}
      await ended;
    },
  };
}
