/**
 * steps.jsonl: one line for each optimizer step and each evaluation of a run, for reports. Timings make it differ from run
 * to run; nothing is computed from it.
 */
import { appendFileSync, closeSync, openSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import type { Metrics } from '../functions/artifacts/manifests.ts';
import { removeFile, replaceFile, unwritable } from './adapter-directory.ts';

export const stepsFile = 'steps.jsonl';

export type StepRecord =
  | {
      kind: 'step';
      step: number;
      epoch: number;
      loss: number;
      learningRate: number;
      gradientNorm: number;
      tokens: number;
      milliseconds: number;
    }
  | { kind: 'evaluation'; step: number; epoch: number; metrics: Metrics };

export interface StepLog {
  add(record: StepRecord): void;
  close(): void;
}

/** Goes on after `step`: what an earlier process wrote past it is cut off. Step 0 begins a file at the first record. */
export async function openStepLog(path: string, step: number): Promise<StepLog> {
  if (step === 0) await removeFile(path);
  else await cutAfter(path, step);
  let file: number | undefined;
  return {
    add(record) {
      try {
        file ??= openSync(path, 'a');
        appendFileSync(file, `${JSON.stringify(record)}\n`);
      } catch (error) {
        throw unwritable(path, error);
      }
    },
    close() {
      if (file !== undefined) closeSync(file);
      file = undefined;
    },
  };
}

async function cutAfter(path: string, step: number): Promise<void> {
  const text = await readFile(path, 'utf8').catch(() => '');
  const lines = text.split('\n').slice(0, -1);
  const end = lines.findIndex(line => !(stepOf(line) <= step));
  const kept = end < 0 ? lines : lines.slice(0, end);
  const whole = kept.map(line => `${line}\n`).join('');
  if (whole !== text) await replaceFile(path, Buffer.from(whole));
}

/** NaN of a line that is no record. */
function stepOf(line: string): number {
  try {
    return Number(JSON.parse(line).step);
  } catch {
    return Number.NaN;
  }
}
