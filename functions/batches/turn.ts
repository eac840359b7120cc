/** One turn of a batch: its next part is answered and stored, unless another process is at it. */
import { VeneerError } from '../error.ts';
import type { Store } from '../store/store.ts';
import { type Batch, type BatchPlace, inputKey, isConflict, linesOf, outputKey } from './document.ts';
import { markEnded } from './ending.ts';
import type { Item } from './item.ts';
import { type Lease, takeLease } from './lease.ts';
import { type AnswerItem, answerPart, type ResultLine } from './part.ts';
import type { BatchWork } from './work.ts';

/** Returns whether the batch came forward. @throws VeneerError `unavailable`; the batch is then there for the next try. */
export async function takeTurn(work: BatchWork, place: BatchPlace, stopped: AbortSignal): Promise<boolean> {
  const lease = await takeLease(work, place, stopped);
  if (!lease) return false;
  try {
    const changes = await nextPart(work, lease);
    if (!(await lease.finish(changes))) return false;
    const { batch } = lease;
    await markEnded(work.store, { ...batch, ...changes });
    return true;
  } catch (error) {
    // So that whoever comes next need not wait for its end; where this fails, they do.
    await lease.finish({}).catch(work.onError);
    if (lease.signal.aborted) return false;
    throw error;
  }
}

/** What the batch is when its next part is stored. */
async function nextPart(work: BatchWork, { batch, signal }: Lease): Promise<Partial<Batch>> {
  const { store, now } = work;
  const part = batch.done.parts;
  // There already where a process died between storing the results and saying so.
  const stored = await readLines<ResultLine>(store, outputKey(batch, part));
  const lines = stored ?? (await answered(work, batch, signal));
  if (!lines) {
    const error = 'the lines of the batch are no longer in the store: send it again';
    return { state: 'failed', error, endedAt: now().toISOString() };
  }
  const done = sumOf(batch.done, lines);
  const over = done.parts === batch.parts.length;
  return { done, ...(over ? { state: 'completed', endedAt: now().toISOString() } : {}) };
}

async function answered(
  work: BatchWork,
  batch: Batch,
  signal: AbortSignal,
): Promise<ResultLine[] | undefined> {
  const { store, count, refusal, onError } = work;
  const part = batch.done.parts;
  const items = await readLines<Item>(store, inputKey(batch, part));
  if (!items) return undefined;
  const lines = await answerPart({
    items,
    firstIndex: linesOf({ parts: batch.parts.slice(0, part) }),
    tenant: batch.tenant,
    answer: await opened(work, batch),
    ...{ refusal, onError, signal },
  });
  try {
    await store.put(outputKey(batch, part), Buffer.from(jsonLines(lines)), { absent: true });
  } catch (error) {
    if (!isConflict(error)) throw error;
    // Whoever took over was faster: what they stored is the result, and they counted it.
    return readLines<ResultLine>(store, outputKey(batch, part));
  }
  const { succeeded: requests, tokens, windows } = sumOf(nothing, lines);
  await count(batch, { requests, tokens, windows });
  return lines;
}

async function opened({ open }: BatchWork, batch: Batch): Promise<AnswerItem> {
  try {
    return await open(batch);
  } catch (error) {
    if (!(error instanceof VeneerError) || error.code === 'unavailable') throw error;
    // Such as an adapter that was deleted meanwhile: each line has it as its error.
    return () => Promise.reject(error);
  }
}

const nothing: Batch['done'] = { parts: 0, succeeded: 0, failed: 0, tokens: 0, windows: 0 };

function sumOf(done: Batch['done'], lines: readonly ResultLine[]): Batch['done'] {
  const sum = { ...done, parts: done.parts + 1 };
  for (const line of lines) {
    if ('error' in line) sum.failed++;
    else {
      sum.succeeded++;
      sum.tokens += line.usage.tokens;
      sum.windows += line.usage.windows;
    }
  }
  return sum;
}

function jsonLines(values: readonly unknown[]): string {
  return values.map(value => `${JSON.stringify(value)}\n`).join('');
}

/** What was written by a batch is what a batch reads. */
async function readLines<T>(store: Store, key: string): Promise<T[] | undefined> {
  const found = await store.get(key);
  if (!found) return undefined;
  const text = Buffer.from(found.bytes).toString('utf8');
  return text
    .split('\n')
    .filter(Boolean)
    .map(line => JSON.parse(line) as T);
}
