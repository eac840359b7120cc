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
    return {
      update(done, total, status) {
        const now = performance.now();
        if (now - last < plainEveryMs) return;
        last = now;
        process.stderr.write(`${done}/${total} ${status}\n`);
      },
      log,
      stop() {},
    };
  }
  let bar: cliProgress.SingleBar | undefined;
  let size = 0;
  const stop = () => {
    bar?.stop();
    bar = undefined;
  };
  return {
    update(done, total, status) {
      if (bar && size !== total) stop();
      if (!bar) {
        const format = '{bar} {value}/{total} {status} eta {eta_formatted}';
        bar = new cliProgress.SingleBar(
          { format, stream: process.stderr, clearOnComplete: true },
          cliProgress.Presets.shades_classic,
        );
        bar.start(total, 0, { status: '' });
        size = total;
      }
      bar.update(done, { status });
      if (done >= total) stop();
    },
    log(line) {
      stop();
      log(line);
    },
    stop,
  };
}
