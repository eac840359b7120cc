/** The entry of a scheduled AWS Lambda function that works on the batches which the prediction function took. */
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { processBatches } from './batches/process.ts';
import { batchWork } from './http/batch-work.ts';
import { readEnvironment } from './http/environment.ts';
import { openServices } from './http/services.ts';

/** Left for the part that was begun last. One that takes longer is cut off, and begun anew by the next invocation. */
const lastPartMs = 60_000;

// A function is frozen after its answer and may never wake again: what it counted is written before.
const options = await readEnvironment(process.env, {
  cacheDir: join(tmpdir(), 'veneer'),
  usageFlushSeconds: 0,
});
const work = batchWork(openServices(options));

/** The parts that it answered. */
export async function handler(
  _event: unknown,
  { getRemainingTimeInMillis }: { getRemainingTimeInMillis(): number },
): Promise<{ parts: number }> {
  const untilMs = Date.now() + getRemainingTimeInMillis() - lastPartMs;
  return { parts: await processBatches(work, { signal: new AbortController().signal, untilMs }) };
}
