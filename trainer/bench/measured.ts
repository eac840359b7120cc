/** The measured side of child.ts: says that it is ready, and answers every line `go <n>` with the times of n steps. */
import { createInterface } from 'node:readline';

/** @param extra What every answer carries besides. */
export async function answerGo(step: () => Promise<unknown>, extra: object = {}): Promise<void> {
  process.stdout.write('ready\n');
  for await (const line of createInterface({ input: process.stdin })) {
    const ms: number[] = [];
    for (let i = 0; i < Number(line.split(' ')[1]); i++) {
      const started = performance.now();
      await step();
      ms.push(performance.now() - started);
    }
    const peakRssMb = process.resourceUsage().maxRSS / 1024;
    process.stdout.write(`${JSON.stringify({ ms, peakRssMb, ...extra })}\n`);
  }
}
