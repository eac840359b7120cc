/** The measured side of child.ts: says that it is ready, and answers every line `go <n>` with the times of n steps. */
import { readdir, readFile } from 'node:fs/promises';
import { createInterface } from 'node:readline';

/** Peaks of the processes that this one started, where Linux tells them: an engine may be one. */
async function childrenPeakMb(): Promise<number> {
  let kilobytes = 0;
  for (const entry of await readdir('/proc').catch(() => [])) {
    if (!/^\d+$/.test(entry)) continue;
    const status = await readFile(`/proc/${entry}/status`, 'utf8').catch(() => '');
    if (Number(/^PPid:\s+(\d+)/m.exec(status)?.[1]) === process.pid)
      kilobytes += Number(/^VmHWM:\s+(\d+)/m.exec(status)?.[1] ?? 0);
  }
  return kilobytes / 1024;
}

/** @param extra What every answer carries besides. */
export async function answerGo(
  step: () => Promise<unknown>,
  extra: () => object = () => ({}),
): Promise<void> {
  process.stdout.write('ready\n');
  for await (const line of createInterface({ input: process.stdin })) {
    const ms: number[] = [];
    for (let i = 0; i < Number(line.split(' ')[1]); i++) {
      const started = performance.now();
      await step();
      ms.push(performance.now() - started);
    }
    const peakRssMb = process.resourceUsage().maxRSS / 1024 + (await childrenPeakMb());
    process.stdout.write(`${JSON.stringify({ ms, peakRssMb, ...extra() })}\n`);
  }
}
