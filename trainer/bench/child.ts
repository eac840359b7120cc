/**
 * A measured process: answers each line `go <n>` on its standard input with the milliseconds of n steps, and reports its
 * peak memory. Ours and the peers speak the same lines, so that they can be run in turn.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

export interface Measured {
  go(steps: number): Promise<{ ms: number[]; peakRssMb: number }>;
  close(): void;
}

export async function startMeasured(
  command: string,
  args: readonly string[],
  env: Record<string, string> = {},
): Promise<Measured> {
  const child: ChildProcess = spawn(command, args, {
    stdio: ['pipe', 'pipe', 'inherit'],
    env: { ...process.env, ...env },
  });
  const lines = createInterface({ input: child.stdout! })[Symbol.asyncIterator]();
  const next = async (): Promise<string> => {
    const { value, done } = await lines.next();
    if (done) throw new Error(`${command} ${args[0]} ended early`);
    return value;
  };
  if ((await next()) !== 'ready') throw new Error(`${command} ${args[0]} did not start`);
  return {
    async go(steps) {
      child.stdin!.write(`go ${steps}\n`);
      return JSON.parse(await next());
    },
    close: () => child.kill(),
  };
}
