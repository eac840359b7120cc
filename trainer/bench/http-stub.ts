/**
 * `npm run bench -- http --stub`: what authentication, limits and the rest of the HTTP surface cost where the engine costs
 * nothing. Requests a second of three servers (http-stub-run.ts) under the same load, in turn.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { median } from './child.ts';
import { openLoad, requestBytes } from './http-load.ts';
import type { StubKind, StubServer } from './http-stub-run.ts';

const kinds: StubKind[] = ['bare', 'route', 'app'];
const concurrency = 32;
const requestsPerTurn = 4_000;
const rounds = 21;
const warmUps = 3;
const body = JSON.stringify({ model: 'support', inputs: 'Where is my parcel? It was due on Monday.' });

interface Side {
  child: ChildProcess;
  ask(): Promise<void>;
}

async function start(kind: StubKind): Promise<Side> {
  const child = fork(fileURLToPath(new URL('./bench/http-stub-run.js', import.meta.url)), [kind]);
  const ended = once(child, 'exit').then(([code]) => {
    throw new Error(`the ${kind} server ended with ${code}`);
  });
  ended.catch(() => {});
  const [{ url, key }] = (await Promise.race([once(child, 'message'), ended])) as [StubServer];
  const address = new URL(url);
  const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json' };
  const request = requestBytes(address, headers, body);
  const load = openLoad(address);
  return { child, ask: () => load.ask(request) };
}

async function cpuMs({ child }: Side): Promise<number> {
  child.send('cpu');
  const [{ user, system }] = (await once(child, 'message')) as [NodeJS.CpuUsage];
  return (user + system) / 1000;
}

/** Requests a second, and milliseconds of the server's processor a request: that does not feel who else is on the machine. */
async function turn(side: Side): Promise<{ perSecond: number; cpu: number }> {
  const [cpuBefore, started] = [await cpuMs(side), performance.now()];
  let left = requestsPerTurn;
  const caller = async () => {
    while (left-- > 0) await side.ask();
  };
  await Promise.all(Array.from({ length: concurrency }, caller));
  const perSecond = (1000 * requestsPerTurn) / (performance.now() - started);
  return { perSecond, cpu: ((await cpuMs(side)) - cpuBefore) / requestsPerTurn };
}

export async function benchHttpStub(): Promise<void> {
  const sides = await Promise.all(kinds.map(start));
  const turns: { perSecond: number; cpu: number }[][] = [];
  for (let round = -warmUps; round < rounds; round++) {
    // Each round begins with another, so that none always follows the same.
    const results: { perSecond: number; cpu: number }[] = [];
    for (let i = 0; i < sides.length; i++) {
      const at = (i + round + warmUps) % sides.length;
      results[at] = await turn(sides[at]!);
    }
    if (round >= 0) turns.push(results);
  }
  for (const { child } of sides) child.kill();
  const table = kinds.map((kind, i) => ({
    server: kind,
    'requests/s': Math.round(median(turns.map(results => results[i]!.perSecond))),
    'of bare Hono': median(turns.map(results => results[i]!.perSecond / results[0]!.perSecond)).toFixed(2),
    'of the route': median(turns.map(results => results[i]!.perSecond / results[1]!.perSecond)).toFixed(2),
    'server CPU, us/request': Math.round(1000 * median(turns.map(results => results[i]!.cpu))),
  }));
  console.table(table);
  await writeFile('bench-http-stub.json', `${JSON.stringify(table, null, 2)}\n`);
}
