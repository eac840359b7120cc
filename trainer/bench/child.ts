/**
 * A measured process: answers each line `go <n>` on its standard input with the milliseconds of n steps, and reports its
 * peak memory. Ours and the peers speak the same lines, so that they can be run in turn.
 */
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { tellingLine } from '../setup/tool.ts';

interface Round {
  ms: number[];
  peakRssMb: number;
  /** Of each step, where the side tells: engines/spent.ts. */
  issuingMs?: number[];
  callsMs?: number[];
}

export interface Measured<Extra = object> {
  /** Rejects where the process has ended, with what it said last. */
  go(steps: number): Promise<Round & Extra>;
  close(): void;
}

export async function startMeasured<Extra = object>(
  command: string,
  args: readonly string[],
  env: Record<string, string> = {},
): Promise<Measured<Extra>> {
  const child = spawn(command, args, { env: { ...process.env, ...env } });
  const said: string[] = [];
  createInterface({ input: child.stderr }).on('line', line => {
    process.stderr.write(`${line}\n`);
    said.push(line);
  });
  child.on('error', error => said.push(error.message));
  // A dead process is told by its exit alone.
  child.stdin.on('error', () => {});
  const closed = new Promise<void>(resolve => child.once('close', () => resolve()));
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const next = async (): Promise<string> => {
    const { value, done } = await lines.next();
    if (!done) return value;
    await closed;
    throw new Error(`${command} ended (${tellingLine(said.join('\n')) ?? 'without a word'})`);
  };
  if ((await next()) !== 'ready') throw new Error(`${command} ${args[0]} did not start`);
  return {
    async go(steps) {
      child.stdin.write(`go ${steps}\n`);
      return JSON.parse(await next());
    },
    close: () => child.kill(),
  };
}

export interface Result {
  /** Medians of a step. */
  ms: number;
  issuingMs?: number;
  callsMs?: number;
  peakRssMb: number;
}

export const median = (values: readonly number[]) => [...values].sort((a, b) => a - b)[values.length >> 1]!;

export interface Turns {
  rounds: number;
  stepsPerRound: number;
}

/** Runs all sides in turn, after one round of warm-up. */
export async function inTurn(sides: readonly Measured[], turns: Turns): Promise<Result[]> {
  const results = await inTurnSettled(sides, turns);
  return results.map(result => {
    if (result instanceof Error) throw result;
    return result;
  });
}

/** The same, where a side that fails, or has failed to start, keeps none of the others from their turns. */
export async function inTurnSettled(
  sides: readonly (Measured | Error)[],
  { rounds, stepsPerRound }: Turns,
): Promise<(Result | Error)[]> {
  const answers = sides.map((): Round[] => []);
  const ended = sides.map(side => (side instanceof Error ? side : undefined));
  for (let round = 0; round <= rounds; round++)
    for (const [i, side] of sides.entries()) {
      if (side instanceof Error || ended[i]) continue;
      try {
        answers[i]!.push(await side.go(stepsPerRound));
      } catch (error) {
        ended[i] = error as Error;
      }
    }
  return answers.map((rounds, i) => ended[i] ?? summaryOf(rounds));
}

/** The first of the rounds is the warm-up. */
function summaryOf([first, ...rest]: readonly Round[]): Result {
  const medianOf = (pick: (round: Round) => number[] | undefined) => {
    const values = rest.flatMap(round => pick(round) ?? []);
    return values.length === 0 ? undefined : median(values);
  };
  const [issuingMs, callsMs] = [medianOf(round => round.issuingMs), medianOf(round => round.callsMs)];
  return {
    ms: medianOf(round => round.ms)!,
    ...(issuingMs === undefined ? {} : { issuingMs }),
    ...(callsMs === undefined ? {} : { callsMs }),
    peakRssMb: Math.max(...[first!, ...rest].map(round => round.peakRssMb)),
  };
}
