/**
 * The devices of a run: one program each, which comes back to life when whoever ran it is killed. An answer that was lost is
 * computed again from the same inputs, so that the run is none the worse.
 */
import { VeneerError } from '../functions/error.ts';
import { type Engine, EngineDied, type Program, type ProgramSource } from './engines/engine.ts';

interface DeviceArguments {
  engine: Engine;
  source: ProgramSource;
  count: number;
  log(line: string): void;
}

export async function openDevices({ engine, source, count, log }: DeviceArguments): Promise<Program[]> {
  const opened = await Promise.allSettled(
    Array.from({ length: count }, (_, device) =>
      reviving(
        () => engine.compile(source),
        line => log(count === 1 ? line : `device ${device}: ${line}`),
      ),
    ),
  );
  const programs = opened.filter(result => result.status === 'fulfilled').map(({ value }) => value);
  const failed = opened.find(result => result.status === 'rejected');
  if (!failed) return programs;
  await closeDevices(programs);
  throw failed.reason;
}

export async function closeDevices(programs: readonly Program[]): Promise<void> {
  await Promise.all(programs.map(program => program.close()));
}

async function reviving(compile: () => Promise<Program>, log: (line: string) => void): Promise<Program> {
  let program = await compile();
  return {
    async run(inputs) {
      try {
        return await program.run(inputs);
      } catch (error) {
        if (!(error instanceof EngineDied)) throw error;
        log(`${error.message}: starting another one`);
      }
      try {
        await program.close();
        program = await compile();
        return await program.run(inputs);
      } catch (error) {
        if (!(error instanceof EngineDied)) throw error;
        throw new VeneerError(
          'training_failed',
          `${error.message} twice in a row on the same batch: if memory ran out, lower --batch-size; the last checkpoint is kept, go on from it with --resume`,
          { cause: error },
        );
      }
    },
    close: () => program.close(),
  };
}
