/**
 * A measured process: answers each line `go <n>` on its standard input with the milliseconds of n steps, and reports its
 * peak memory. Ours and the peers speak the same lines, so that they can be run in turn.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

export interface Measured<Extra = object> {
  go(steps: number): Promise<{ ms: number[]; peakRssMb: number } & Extra>;
  close(): void;
}

export async function startMeasured<Extra = object>(
  command: string,
  args: readonly string[],
  env: Record<string, string> = {},
): Promise<Measured<Extra>> {
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

export interface Result {
  /** Median of one step. */
  ms: number;
  peakRssMb: number;
}

export const median = (values: readonly number[]) => [...values].sort((a, b) => a - b)[values.length >> 1]!;

/** Runs all sides in turn, after one round of warm-up. */
export async function inTurn(
  sides: readonly Measured[],
  { rounds, stepsPerRound }: { rounds: number; stepsPerRound: number },
): Promise<Result[]> {
  const times: number[][] = sides.map(() => []);
  const peaks: number[] = sides.map(() => 0);
  for (let round = 0; round <= rounds; round++)
    for (const [i, side] of sides.entries()) {
      const { ms, peakRssMb } = await side.go(stepsPerRound);
      if (round > 0) times[i]!.push(...ms);
      peaks[i] = peakRssMb;
    }
  return sides.map((_, i) => ({ ms: median(times[i]!), peakRssMb: peaks[i]! }));
}
