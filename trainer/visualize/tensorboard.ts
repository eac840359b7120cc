/**
 * Writes scalars as a TensorBoard event file. A record is its length (u64le), masked CRC-32C of the length (u32le), an
 * Event, masked CRC-32C of the Event (u32le). Knows nothing of training.
 */
import { appendFileSync, mkdirSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { crc32c } from './crc32c.ts';
import { encodeEvent } from './event-schema.ts';

export interface ScalarLog {
  /** Values of one step, by tag. Reach the file within two seconds. */
  add(step: number, values: Readonly<Record<string, number>>): void;
  /** Writes what is still held back. */
  close(): void;
}

const flushEveryMs = 2_000;

/**
 * A file that cannot be written is told to `warn` once and given up: no curve is worth a training run.
 * Nothing is created before the first value.
 */
export function openScalarLog(directory: string, warn: (line: string) => void): ScalarLog {
  const opened = Date.now() / 1000;
  const file = join(
    directory,
    `events.out.tfevents.${String(Math.floor(opened)).padStart(10, '0')}.${hostname()}.${process.pid}`,
  );
  let held = [recordOf(encodeEvent({ wallTime: opened, fileVersion: 'brain.Event:2' }))];
  let timer: NodeJS.Timeout | undefined;
  let failed = false;

  const flush = () => {
    clearTimeout(timer);
    timer = undefined;
    try {
      // A few kilobytes every two seconds, in order and whole: not worth a queue of asynchronous writes.
      mkdirSync(directory, { recursive: true });
      appendFileSync(file, Buffer.concat(held));
    } catch (error) {
      failed = true;
      warn(
        `warning: --log-dir ${directory}: cannot be written (${(error as NodeJS.ErrnoException).code}): no more events of this run are logged`,
      );
    }
    held = [];
  };
  return {
    add(step, values) {
      if (failed) return;
      const value = Object.entries(values).map(([tag, simpleValue]) => ({ tag, simpleValue }));
      held.push(recordOf(encodeEvent({ wallTime: Date.now() / 1000, step, summary: { value } })));
      timer ??= setTimeout(flush, flushEveryMs).unref();
    },
    close() {
      if (timer) flush();
    },
  };
}

function recordOf(event: Uint8Array): Uint8Array {
  const record = new Uint8Array(12 + event.length + 4);
  const view = new DataView(record.buffer);
  view.setBigUint64(0, BigInt(event.length), true);
  view.setUint32(8, maskedCrc(record.subarray(0, 8)), true);
  record.set(event, 12);
  view.setUint32(12 + event.length, maskedCrc(event), true);
  return record;
}

/** Rotated and shifted, so that a checksum of data that holds checksums stays useful (TFRecord's rule). */
function maskedCrc(bytes: Uint8Array): number {
  const crc = crc32c(bytes);
  return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;
}
