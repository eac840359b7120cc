/** The server as users run it, `trainer serve`, in a process of its own. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

export async function startServerProcess({
  store,
  base,
  workers,
}: {
  store: string;
  base: string;
  workers: number;
}) {
  const program = fileURLToPath(new URL('./main.js', import.meta.url));
  const args = [
    'serve',
    '--store',
    store,
    '--base',
    base,
    '--port',
    '0',
    '--threads',
    String(workers),
    '--json',
  ];
  const child = spawn(process.execPath, [program, ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
  const [line] = (await once(createInterface({ input: child.stdout }), 'line')) as [string];
  const { url } = JSON.parse(line) as { url: string };
  return { url, stop: () => child.kill() };
}
