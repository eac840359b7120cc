/** Progress of a long command where no terminal is, and what Ctrl-C does to one. */
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { interruptible } from '../../trainer/commands/interrupt.ts';
import { progressOf } from '../../trainer/commands/progress.ts';

afterEach(() => {
  vi.restoreAllMocks();
  vi.useRealTimers();
});

describe('plain lines', () => {
  const written: string[] = [];
  const { isTTY } = process.stderr;
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['performance'] });
    process.stderr.isTTY = false;
    written.length = 0;
    vi.spyOn(process.stderr, 'write').mockImplementation(line => written.push(String(line)) > 0);
  });
  afterEach(() => {
    process.stderr.isTTY = isTTY;
  });

  test('come every five seconds, with the time that is left at the pace so far', () => {
    const progress = progressOf(() => {});
    for (let step = 1; step <= 12; step++) {
      vi.advanceTimersByTime(1000);
      progress.update(step, 100, 'epoch 1 loss 0.5000 900 tokens/s');
    }
    expect(written).toEqual([
      '5/100 epoch 1 loss 0.5000 900 tokens/s eta 1m 35s\n',
      '10/100 epoch 1 loss 0.5000 900 tokens/s eta 1m 30s\n',
    ]);
  });

  test('count what evaluations between steps take, and a resumed run from where it began', () => {
    const progress = progressOf(() => {});
    for (let step = 50; step <= 60; step++) {
      vi.advanceTimersByTime(20_000);
      progress.update(step, 1000, 'training');
      vi.advanceTimersByTime(40_000);
      progress.update(8, 8, 'evaluating');
    }
    // 940 steps of a minute each.
    expect(written.filter(line => line.includes('training')).at(-1)).toBe('60/1000 training eta 15h 40m\n');
  });
});

describe('signals', () => {
  test.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const)('%s asks to stop, and the second one exits with %i', (name, code) => {
    const exit = vi.spyOn(process, 'exit').mockImplementation(() => undefined as never);
    const told: string[] = [];
    const { signal, release } = interruptible(which => told.push(which));
    expect(signal.aborted).toBe(false);
    process.emit(name, name);
    expect([signal.aborted, signal.reason, told]).toEqual([true, name, [name]]);
    expect(exit).not.toHaveBeenCalled();
    process.emit(name, name);
    expect(exit).toHaveBeenCalledWith(code);
    const listeners = process.listenerCount(name);
    release();
    expect(process.listenerCount(name)).toBe(listeners - 1);
  });
});
