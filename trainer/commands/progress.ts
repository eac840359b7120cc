/** Progress of a long command: a bar on a terminal, a plain line now and then elsewhere. Always on stderr. */
import cliProgress from 'cli-progress';

export interface Progress {
  update(done: number, total: number, status: string): void;
  /** Writes a line without tearing the bar. */
  log(line: string): void;
  stop(): void;
}

const plainEveryMs = 5_000;

export function progressOf(log: (line: string) => void): Progress {
  if (!process.stderr.isTTY) {
    let last = performance.now();
    const remaining = remainingTime();
    return {
      update(done, total, status) {
        const now = performance.now();
        const eta = remaining(done, total);
        if (now - last < plainEveryMs) return;
        last = now;
        process.stderr.write(`${done}/${total} ${status} eta ${eta}\n`);
      },
      log,
      stop() {},
    };
  }
  let bar: cliProgress.SingleBar | undefined;
  let size = 0;
  const remaining = remainingTime();
  const stop = () => {
    bar?.stop();
    bar = undefined;
  };
  return {
    update(done, total, status) {
      if (bar && size !== total) stop();
      if (!bar) {
        const format = '{bar} {value}/{total} {status} eta {left}';
        bar = new cliProgress.SingleBar(
          { format, stream: process.stderr, clearOnComplete: true },
          cliProgress.Presets.shades_classic,
        );
        bar.start(total, 0, { status: '', left: '' });
        size = total;
      }
      bar.update(done, { status, left: remaining(done, total) });
      if (done >= total) stop();
    },
    log(line) {
      stop();
      log(line);
    },
    stop,
  };
}

/**
 * The time that is left, from the pace since the first update with this total: steps and evaluations take turns, and the
 * time of the one between the others is part of their pace.
 */
function remainingTime(): (done: number, total: number) => string {
  const first = new Map<number, { done: number; at: number }>();
  return (done, total) => {
    const now = performance.now();
    const start = first.get(total);
    if (!start || done <= start.done) {
      first.set(total, { done, at: now });
      return '?';
    }
    return formatSeconds(Math.round(((now - start.at) / 1000 / (done - start.done)) * (total - done)));
  };
}

/** As `1h 2m`, `3m 4s` or `5s`. */
function formatSeconds(seconds: number): string {
  const [hours, minutes] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60];
  if (hours > 0) return `${hours}h ${minutes}m`;
  return minutes > 0 ? `${minutes}m ${seconds % 60}s` : `${seconds}s`;
}
