/** Shadows: what is compared and counted, and that no answer changes, waits or fails because of one. */
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { publishVersion, setAlias } from '../../functions/artifacts/versions.ts';
import { createApp } from '../../functions/http/app.ts';
import { logDisagreement } from '../../functions/http/log.ts';
import { openMetrics } from '../../functions/metrics.ts';
import { type Comparison, openShadows, type Shadows } from '../../functions/shadow.ts';
import { readExposition, total } from './exposition.ts';
import { fakeBase } from './fake-base.ts';
import { posting, type Serving, serving, versionOf } from './tenants.ts';

/** The fake base gives the last label most: the two agree on nothing, the third agrees with the first. */
const versions: Record<'same' | 'other', Parameters<typeof versionOf>[0]> = {
  same: { task: 'classification', labels: ['login', 'billing', 'refund'] },
  other: { task: 'classification', labels: ['refund', 'login', 'billing'] },
};

let world: Serving;
let app: Serving['app'];
let shadows: Shadows;
let disagreements: Comparison[];
let failures: unknown[];
/** Runs of the engine for the shadow wait for this. */
let gate: Promise<void>;
/** How many have come so far. */
let waitingAtGate: number;
const base = fakeBase();

function open(maxWaiting = 16) {
  shadows = openShadows({
    maxWaiting,
    onDisagreement: comparison => disagreements.push(comparison),
    onFailure: error => failures.push(error),
  });
  app = createApp({ ...world.services, shadows });
}

beforeEach(async () => {
  const live = { digest: '' };
  world = await serving({
    base: async () => ({
      ...base,
      engine: {
        ...base.engine,
        async run(rows, options) {
          if (rows[0]?.adapter.digest !== live.digest) {
            waitingAtGate++;
            await gate;
          }
          return base.engine.run(rows, options);
        },
      },
    }),
  });
  live.digest = world.digests.support;
  [disagreements, failures, gate, waitingAtGate] = [[], [], Promise.resolve(), 0];
  open();
});
afterEach(() => world.remove());

async function shadowWith(version: Parameters<typeof versionOf>[0]): Promise<string> {
  const adapter = { tenant: 'acme', name: 'support' };
  const { digest: shadow } = await publishVersion(world.store, { ...adapter, ...versionOf(version) });
  await setAlias(world.store, { ...adapter, alias: 'live', digest: world.digests.support, shadow });
  return shadow;
}

const ask = (body: object = { model: 'support', inputs: 'my secret card' }, at = '/v1/classification') =>
  app.request(at, posting(world.key, body));
/** Until all that was taken on is compared. */
async function settled(expected: number) {
  await vi.waitFor(() => {
    const { compared, failed } = shadows.counts();
    expect(compared + failed).toBe(expected);
  });
}

const withoutTimes = async (response: Response) => ({
  status: response.status,
  body: await response.json(),
  headers: [...response.headers].filter(([name]) => !['server-timing', 'x-request-id'].includes(name)),
});

describe('a shadow', () => {
  test('leaves the answer and its headers as they are without one', async () => {
    const before = await withoutTimes(await ask());
    await shadowWith(versions.other);
    world.clock.now = new Date(world.clock.now.getTime() + 5000);
    expect(await withoutTimes(await ask())).toEqual(before);
    await settled(1);
  });

  test('that disagrees is told with numbers and names, never a text', async () => {
    const candidate = await shadowWith(versions.other);
    await ask({ model: 'support', inputs: ['my secret card', 'x'.repeat(500), 'hello there'] });
    await settled(1);
    expect(disagreements).toEqual([
      {
        ...{ tenant: 'acme', name: 'support', task: 'classification' },
        ...{ live: world.digests.support, candidate },
        // The input that is too long was refused before it was asked.
        ...{ agree: false, inputs: 2, differing: 2, scoreDifference: expect.any(Number) },
      },
    ]);
    // Logits 0, 3, 6 of three words against 3, 6, 0 by label.
    const softmax = [1, Math.exp(3), Math.exp(6)].map(
      (value, _i, all) => value / all.reduce((a, b) => a + b),
    );
    expect(disagreements[0]!.scoreDifference).toBeCloseTo(softmax[2]! - softmax[0]!, 6);
    expect(shadows.counts()).toMatchObject({ compared: 1, disagreed: 1, failed: 0, dropped: 0 });
  });

  test('that agrees is counted only', async () => {
    await shadowWith(versions.same);
    await ask();
    await settled(1);
    expect(disagreements).toEqual([]);
    expect(shadows.counts()).toEqual({
      ...{ compared: 1, disagreed: 0, failed: 0, dropped: 0, scoreDifferenceTotal: 0 },
    });
  });

  test.each([
    ['/models/support', { inputs: 'my card' }],
    ['/models/support/predict', { inputs: 'my card' }],
    ['/predict', { model: 'support', inputs: 'my card' }],
  ])('is asked what %s is asked', async (at, body) => {
    await shadowWith(versions.other);
    expect((await ask(body, at)).status).toBe(200);
    await settled(1);
    expect(disagreements).toMatchObject([{ inputs: 1, differing: 1 }]);
  });

  test('is not asked where the request names a version', async () => {
    await shadowWith(versions.other);
    await ask({ model: `support@sha256:${world.digests.support}`, inputs: 'my card' });
    await ask({ model: 'unsure', inputs: { question: 'a', context: 'b' } }, '/v1/question-answering');
    await new Promise(resolve => setTimeout(resolve, 20));
    expect(shadows.counts()).toMatchObject({ compared: 0, failed: 0, dropped: 0 });
  });

  test('that cannot answer harms no answer', async () => {
    const candidate = await shadowWith({ task: 'question-answering', labels: ['start', 'end'] });
    expect((await ask()).status).toBe(200);
    await settled(1);
    expect(failures).toMatchObject([{ code: 'wrong_task' }]);
    await world.store.delete(`tenants/acme/adapters/support/versions/${candidate}/manifest.json`);
    world.clock.now = new Date(world.clock.now.getTime() + 10_000);
    expect((await ask()).status).toBe(200);
    await settled(2);
    expect(failures).toMatchObject([{}, { code: 'not_found' }]);
    expect(shadows.counts()).toMatchObject({ compared: 0, failed: 2 });
  });

  test('that hangs delays nobody: a few wait for it, the others are dropped', async () => {
    let release = () => {};
    gate = new Promise(resolve => {
      release = resolve;
    });
    open(3);
    await shadowWith(versions.other);
    await ask();
    await vi.waitFor(() => expect(waitingAtGate).toBe(1));
    for (let i = 0; i < 9; i++) expect((await ask()).status).toBe(200);
    const { dropped, compared } = shadows.counts();
    expect(compared).toBe(0);
    // One runs and three wait.
    expect(dropped).toBe(6);
    release();
    await settled(4);
  });

  test('is over when it is closed: what runs ends, what waits is dropped', async () => {
    let release = () => {};
    gate = new Promise(resolve => {
      release = resolve;
    });
    await shadowWith(versions.other);
    await ask();
    await vi.waitFor(() => expect(waitingAtGate).toBe(1));
    for (let i = 0; i < 2; i++) await ask();
    const closed = shadows.close();
    expect(shadows.counts()).toMatchObject({ dropped: 2 });
    release();
    await closed;
    expect(shadows.counts()).toMatchObject({ compared: 1, dropped: 2 });
    await ask();
    expect(shadows.counts()).toMatchObject({ compared: 1, dropped: 3 });
  });

  test('with no place to wait is off', async () => {
    open(0);
    await shadowWith(versions.other);
    expect((await ask()).status).toBe(200);
    expect(shadows.counts()).toMatchObject({ compared: 0, dropped: 1 });
  });
});

test('what shadows did is among the metrics', async () => {
  const metrics = openMetrics({ byTenant: false });
  metrics.readShadows(shadows.counts);
  await shadowWith(versions.other);
  await ask();
  await settled(1);
  // Read twice: a scrape adds nothing.
  await metrics.exposition();
  const families = readExposition((await metrics.exposition()).text);
  expect(total(families, 'veneer_shadow_compared_total')).toBe(1);
  expect(total(families, 'veneer_shadow_disagreements_total')).toBe(1);
  expect(total(families, 'veneer_shadow_failures_total')).toBe(0);
  expect(total(families, 'veneer_shadow_dropped_total')).toBe(0);
  expect(total(families, 'veneer_shadow_score_difference_total')).toBeGreaterThan(0.9);
});

test('a disagreement is one line of JSON', () => {
  const lines: string[] = [];
  const write = vi.spyOn(process.stderr, 'write').mockImplementation(line => lines.push(String(line)) > 0);
  logDisagreement({
    ...{ tenant: 'acme', name: 'support', task: 'classification' },
    ...{ live: 'a', candidate: 'b', agree: false, inputs: 2, differing: 1, scoreDifference: 0.25 },
  });
  write.mockRestore();
  expect(lines).toHaveLength(1);
  expect(JSON.parse(lines[0]!)).toEqual({
    ...{ time: expect.any(String), level: 'info', event: 'shadow_disagreement' },
    ...{ tenant: 'acme', name: 'support', task: 'classification', live: 'a', candidate: 'b' },
    ...{ agree: false, inputs: 2, differing: 1, score_difference: 0.25 },
  });
});
