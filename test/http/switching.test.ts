/** Predictions while an alias is promoted, canaried and rolled back two hundred times: none fails, each answer is one that stood. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openAdapters } from '../../functions/adapters.ts';
import { percentileOf } from '../../functions/artifacts/canary.ts';
import type { Alias } from '../../functions/artifacts/manifests.ts';
import { publishVersion, readAlias, setAlias } from '../../functions/artifacts/versions.ts';
import { createApp } from '../../functions/http/app.ts';
import { openShadows } from '../../functions/shadow.ts';
import type { Store } from '../../functions/store/store.ts';
import { promote } from '../../trainer/commands/promote.ts';
import { rollback } from '../../trainer/commands/rollback.ts';
import { startShadow } from '../../trainer/commands/shadow.ts';
import { uniform } from '../../trainer/random.ts';
import { fakeBase } from './fake-base.ts';
import { posting, type Serving, serving, versionOf } from './tenants.ts';

const switches = 200;
const clients = 4;
const aliasTtlMs = 5;
const adapter = { tenant: 'acme', name: 'support', alias: 'live' };

let world: Serving;
beforeAll(async () => {
  world = await serving();
});
afterAll(() => world.remove());

interface Standing {
  alias: Alias;
  /** When it came to stand, before and after the write; what it replaced stood until the latter. */
  from: number;
  until: number;
}

interface Answer {
  status: number;
  digest: string | null;
  key: string;
  asked: number;
  answered: number;
}

test('no request fails, and every digest stood within the time that an alias is believed', async () => {
  const digests: string[] = [];
  for (const labels of [
    ['a', 'b'],
    ['a', 'b', 'c'],
    ['c', 'd'],
  ])
    digests.push(
      (await publishVersion(world.store, { ...adapter, ...versionOf({ task: 'classification', labels }) }))
        .digest,
    );
  await setAlias(world.store, { ...adapter, digest: digests[0]! });
  const base = fakeBase();
  const failures: unknown[] = [];
  const shadows = openShadows({
    maxWaiting: 4,
    onDisagreement() {},
    onFailure: error => failures.push(error),
  });
  // An alias is as old as the beginning of the look at it, and believed from its end on.
  let longestLookMs = 0;
  const look = async <T>(work: () => Promise<T>): Promise<T> => {
    const began = performance.now();
    const found = await work();
    longestLookMs = Math.max(longestLookMs, performance.now() - began);
    return found;
  };
  const store: Store = {
    ...world.store,
    get: key => look(() => world.store.get(key)),
    getIfChanged: (key, etag) => look(() => world.store.getIfChanged(key, etag)),
  };
  const app = createApp({
    ...world.services,
    shadows,
    adapters: openAdapters({
      ...{ store, base: async () => base.manifest, budgetBytes: 1 << 20 },
      ...{ aliasTtlMs, now: () => performance.now() },
    }),
  });

  const history: Standing[] = [];
  const note = async (from: number) => {
    const standing = await readAlias(world.store, adapter);
    const last = history.at(-1);
    if (last) last.until = performance.now();
    history.push({ alias: standing!.alias, from, until: Number.POSITIVE_INFINITY });
  };
  await note(Number.NEGATIVE_INFINITY);

  let drawn = 0;
  const random = () => uniform({ seed: 7, stream: 0 }, drawn++);
  const pick = () => digests[Math.floor(random() * digests.length)]!;
  const expected = new Set(['usage', 'not_found']);
  /** Moves that lead nowhere, such as a canary of what is live, are refused and change nothing. */
  const change = async () => {
    const reference = { name: adapter.name, digest: pick() };
    const roll = random();
    if (roll < 0.35) await promote(world.store, { ...adapter, reference });
    else if (roll < 0.65)
      await promote(world.store, { ...adapter, reference, percent: 1 + Math.floor(random() * 98) });
    else if (roll < 0.8) await startShadow(world.store, { ...adapter, reference });
    else await rollback(world.store, adapter);
  };

  let switching = true;
  const answers: Answer[] = [];
  const client = async (number: number) => {
    for (let i = 0; switching; i++) {
      const key = `user-${number}-${i % 50}`;
      const asked = performance.now();
      const response = await app.request(
        '/v1/classification',
        posting(world.key, { model: 'support', inputs: ['one two', 'three'] }, { 'x-request-key': key }),
      );
      const { model } = (await response.json()) as { model?: { digest: string } };
      const digest = response.headers.get('x-adapter-digest');
      expect(model?.digest).toBe(digest);
      answers.push({ status: response.status, digest, key, asked, answered: performance.now() });
      await new Promise(resolve => setImmediate(resolve));
    }
  };
  const load = Promise.all(Array.from({ length: clients }, (_, number) => client(number)));
  for (let done = 0; done < switches; ) {
    const before = performance.now();
    const changed = await change().then(
      () => true,
      error => {
        expect(expected).toContain(error.code);
        return false;
      },
    );
    if (!changed) continue;
    await note(before);
    done++;
  }
  switching = false;
  await load;
  await shadows.close();
  expect(failures).toEqual([]);
  expect(shadows.counts().compared).toBeGreaterThan(0);

  expect(answers.length).toBeGreaterThan(switches);
  const answeredBy = ({ alias: { digest, canary } }: Standing, key: string) =>
    canary && percentileOf(adapter.name, key) < canary.percent ? canary.digest : digest;
  for (const { status, digest, key, asked, answered } of answers) {
    expect(status).toBe(200);
    const stood = history.filter(
      ({ from, until }) => from <= answered && until >= asked - aliasTtlMs - longestLookMs,
    );
    expect(stood.map(standing => answeredBy(standing, key))).toContain(digest);
  }
  // The load did see several versions, and canaries among them.
  expect(new Set(answers.map(({ digest }) => digest)).size).toBe(digests.length);
  expect(history.filter(({ alias }) => alias.canary).length).toBeGreaterThan(20);
});
