/** What happens when a batch does not fit into the device's memory: it is cut in two, or the run says what would fit. */
import { VeneerError } from '../functions/error.ts';
import { EngineOutOfMemory } from './engines/engine.ts';
import { type FitArguments, fit } from './fit.ts';

/**
 * Fits; with `autoBatch`, a step that runs out of memory is done again in twice as many batches whose gradients are added.
 * Nothing of the step that failed is in the state, so only where dropout falls changes.
 * @throws VeneerError `training_failed` naming the batch size that would fit.
 */
export async function fitInMemory(
  args: FitArguments,
  { autoBatch, log }: { autoBatch: boolean; log(line: string): void },
): Promise<void> {
  const { evaluate, ...rest } = args;
  const scoring: FitArguments = evaluate
    ? { ...rest, evaluate: (...at) => evaluate(...at).catch(asAdvice('while scoring')) }
    : rest;
  for (let { options } = args; ; ) {
    try {
      await fit({ ...scoring, options });
      return;
    } catch (error) {
      if (!(error instanceof EngineOutOfMemory)) throw error;
      const smallest = Math.ceil((options.batchSize * options.accumulate) / options.microBatches) <= 1;
      if (!autoBatch || smallest || error.rows <= 1)
        throw advice(error, `with --batch-size ${options.batchSize}`);
      options = { ...options, microBatches: 2 * options.microBatches };
      log(`${error.message}: each step is now computed in ${options.microBatches} batches`);
    }
  }
}

function asAdvice(where: string) {
  return (error: unknown): never => {
    throw error instanceof EngineOutOfMemory ? advice(error, where) : error;
  };
}

function advice({ message, rows, fitting, cause }: EngineOutOfMemory, where: string): VeneerError {
  const what =
    fitting >= 1
      ? `--batch-size ${fitting} would fit (--accumulate keeps the rows of a step; --auto-batch does both)`
      : rows > 1
        ? 'lower --batch-size and --max-length'
        : 'not one row fits: lower --max-length or --rank';
  return new VeneerError('training_failed', `${message} ${where}: ${what}`, { cause });
}
