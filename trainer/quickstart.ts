/**
 * `npm run quickstart`: the whole product on the example data. Builds the base, trains one adapter a task, evaluates each
 * through the served path, pushes them, serves them, and shows a request and its answer of each.
 */
import { join } from 'node:path';
import { createKey } from '../functions/artifacts/keys.ts';
import type { TaskName } from '../functions/artifacts/names.ts';
import { VeneerError } from '../functions/error.ts';
import { startServer } from '../functions/http/serve.ts';
import { publish } from '../functions/publish.ts';
import { openStore } from '../functions/store/open.ts';
import type { Store } from '../functions/store/store.ts';
import { readAdapterDirectory } from './adapter-directory.ts';
import { cacheDir, defaultThreads } from './commands/command.ts';
import { evaluateAdapter } from './commands/evaluate.ts';
import { pullBase } from './commands/pull-base.ts';
import { trainDefaults, trainWithProgress } from './commands/train.ts';

const base = 'minilm-l6';
const tenant = 'demo';
const log = (line: string) => process.stdout.write(`${line}\n`);

interface Example {
  task: TaskName;
  /** Folder under trainer/examples, and name of the adapter. */
  name: string;
  epochs: number;
  learningRate: number;
  /** Inputs of the request that is shown. */
  inputs: unknown;
}

const examples: Example[] = [
  {
    task: 'classification',
    name: 'support',
    epochs: 12,
    learningRate: 2e-3,
    inputs: 'The glass carafe was in pieces when I opened the box, can you send another?',
  },
  {
    task: 'sequence-labeling',
    name: 'entities',
    epochs: 20,
    learningRate: 2e-3,
    inputs: 'Nadia Okafor from Brightwell Roasters in Lisbon asks where order HL-48213 is .',
  },
  {
    task: 'question-answering',
    name: 'questions',
    epochs: 6,
    learningRate: 2e-3,
    inputs: {
      question: 'How long do customers have to send a grinder back?',
      context:
        'Harborline accepts returns of unused grinders and kettles within 45 days of delivery. Opened bags of beans cannot be returned, but we replace any bag that arrives stale.',
    },
  },
];

async function trainAndPush(store: Store, { task, name, epochs, learningRate }: Example): Promise<void> {
  const data = join('trainer', 'examples', name);
  const out = join('.veneer', 'runs', name);
  log(`\n== ${name}: ${task}`);
  await trainWithProgress(store, { ...trainDefaults, task, data, out, base, epochs, learningRate }, log);
  const { metrics } = await evaluateAdapter(
    store,
    { adapter: out, data, columns: {}, threads: defaultThreads },
    log,
  );
  log(
    `test: ${Object.entries(metrics)
      .map(([metric, value]) => `${metric} ${value.toFixed(4)}`)
      .join(', ')}`,
  );
  const { digest } = await publish(store, await readAdapterDirectory(out), {
    tenant,
    name,
    alias: 'live',
    minMetrics: {},
  });
  log(`pushed ${name}@live -> sha256:${digest}`);
}

async function ask(url: string, key: string, { task, name, inputs }: Example): Promise<void> {
  const body = JSON.stringify({ model: name, inputs });
  const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json' };
  const response = await fetch(`${url}/v1/${task}`, { method: 'POST', headers, body });
  const answer = await response.text();
  if (!response.ok)
    throw new VeneerError('unavailable', `POST /v1/${task} answered ${response.status}: ${answer}`);
  log(`\nPOST ${url}/v1/${task}\n${body}\n${JSON.stringify(JSON.parse(answer), null, 2)}`);
}

async function quickstart(keep: boolean): Promise<void> {
  const started = performance.now();
  const store = await openStore(process.env.VENEER_STORE || 'file:.veneer');
  log(`== base ${base}`);
  await pullBase(store, { wanted: base, force: false }, log);
  for (const example of examples) await trainAndPush(store, example);
  const { key } = await createKey(store, { tenant, scopes: ['predict'], expiresAt: null });
  const server = await startServer({
    store,
    baseName: base,
    host: '127.0.0.1',
    port: 8787,
    workers: defaultThreads,
    cacheDir,
  });
  try {
    log(`\n== serving on ${server.url} with key ${key}`);
    for (const example of examples) await ask(server.url, key, example);
    log(`\ndone in ${((performance.now() - started) / 1000).toFixed(0)} s`);
    if (keep) {
      log('serving until interrupted');
      await server.closeOnSignal();
    }
  } finally {
    await server.close();
  }
}

try {
  await quickstart(process.argv.includes('--keep'));
} catch (error) {
  if (!(error instanceof VeneerError)) throw error;
  process.stderr.write(`error: ${error.message}\n`);
  process.exitCode = error.exitCode;
}
