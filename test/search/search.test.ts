/** Successive halving over trials that cost nothing: what is promoted, what a kill leaves, what failures do. */
import { appendFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ladderOf, nextJob } from '../../trainer/search/asha.ts';
import { openJournal } from '../../trainer/search/journal.ts';
import { type SearchOptions, search, type TrialJob } from '../../trainer/search/search.ts';
import { parseSpace } from '../../trainer/search/space.ts';
import { apply, ranked, type SearchEvent, type Trial } from '../../trainer/search/trials.ts';

const space = parseSpace({ x: { min: 0, max: 1 } }, 'space.json');
const ladder = ladderOf({ epochs: 9, minEpochs: 1, eta: 3 });

/** Learns towards its x; counts the epochs that were trained, as a checkpoint does. */
function trainer({ fails = [] as number[] } = {}) {
  const done = new Map<number, number>();
  const state = { epochs: 0, most: 0, now: 0, order: [] as string[] };
  const run = async ({ trial, settings, stopAfterEpochs = 9, onScore }: TrialJob) => {
    state.now++;
    state.most = Math.max(state.most, state.now);
    try {
      state.order.push(`${trial}:${stopAfterEpochs}`);
      for (let epoch = (done.get(trial) ?? 0) + 1; epoch <= stopAfterEpochs; epoch++) {
        await null;
        if (fails.includes(trial)) throw new Error(`trial ${trial} ran out\nof luck`);
        onScore(epoch, (settings.x as number) * (1 - 0.5 ** epoch));
        done.set(trial, epoch);
        state.epochs++;
      }
      return stopAfterEpochs === 9 ? (settings.x as number) : undefined;
    } finally {
      state.now--;
    }
  };
  return { run, state };
}

const memory = (events: SearchEvent[] = []) => ({
  events,
  add: (event: SearchEvent) => void events.push(event),
});

const searchOf = (options: Partial<SearchOptions> & Pick<SearchOptions, 'run'>) =>
  search({
    ...{ space, ladder, limit: 18, parallel: 1, seed: 5, journal: memory(), log: () => {} },
    ...options,
  });

describe('successive halving', () => {
  test.each<[number, number, number, number[]]>([
    [9, 1, 3, [1, 3, 9]],
    [10, 1, 3, [1, 3, 9, 10]],
    [5, 2, 2, [2, 4, 5]],
    [4, 4, 3, [4]],
    [1, 1, 3, [1]],
  ])('of %i epochs from %i by %i has rungs at %j', (epochs, minEpochs, eta, rungs) => {
    expect(ladderOf({ epochs, minEpochs, eta }).rungs).toEqual(rungs);
  });

  const at = (trial: number, ...scores: number[]): Trial => ({
    ...{
      trial,
      settings: {},
      status: 'paused',
      rung: scores.length - 1,
      scores,
      best: scores.at(-1),
      epochs: 1,
    },
  });

  test('promotes the best third of a rung, the highest rung first, and draws where none may go on', () => {
    expect(nextJob([at(0, 0.5), at(1, 0.7)], ladder, 9)).toEqual({ kind: 'draw' });
    expect(nextJob([at(0, 0.5), at(1, 0.7), at(2, 0.6)], ladder, 9)).toEqual({
      kind: 'promote',
      trial: 1,
      rung: 1,
    });
    expect(nextJob([at(0, 0.5), at(1, 0.7, 0.8), at(2, 0.6)], ladder, 9)).toEqual({ kind: 'draw' });
    // The newest is ahead, but a third has gone on: not before the rung has grown.
    expect(nextJob([at(0, 0.5), at(1, 0.7, 0.8), at(2, 0.6), at(3, 0.9)], ladder, 9)).toEqual({
      kind: 'draw',
    });
    expect(nextJob([at(0, 0.5), at(1, 0.7, 0.8), at(2, 0.6), at(3, 0.9)], ladder, 4)).toMatchObject({
      trial: 3,
    });
    const three = [at(0, 0.5, 0.9), at(1, 0.7, 0.8), at(2, 0.6, 0.7), at(3, 0.9)];
    expect(nextJob(three, ladder, 9)).toEqual({ kind: 'promote', trial: 0, rung: 2 });
  });

  test('waits for what runs before it lets fewer than a third go on', () => {
    const running: Trial = { ...at(1), status: 'running', rung: 0 };
    expect(nextJob([at(0, 0.5), running], ladder, 2)).toBeUndefined();
    expect(nextJob([at(0, 0.5), at(1, 0.4)], ladder, 2)).toEqual({ kind: 'promote', trial: 0, rung: 1 });
    const failed: Trial = { ...at(0, 0.5, 0.6), status: 'failed' };
    expect(nextJob([failed, at(1, 0.4)], ladder, 2)).toEqual({ kind: 'promote', trial: 1, rung: 1 });
  });
});

describe('a search', () => {
  test('trains few to the end, the best among them, and fewer epochs than all would', async () => {
    const { run, state } = trainer();
    const trials = await searchOf({ run });
    expect(trials).toHaveLength(18);
    const finished = trials.filter(({ status }) => status === 'finished');
    expect(finished.length).toBeGreaterThan(0);
    // A third of a third of 18, and the best of the last rung.
    expect(finished.length).toBeLessThanOrEqual(3);
    const best = Math.max(...trials.map(({ settings }) => settings.x as number));
    expect(ranked(trials)[0]!.settings.x).toBe(best);
    expect(state.epochs).toBeLessThan((18 * 9) / 3);
  });

  test('runs no more than it may at a time, and tries all', async () => {
    const { run, state } = trainer();
    const trials = await searchOf({ run, parallel: 4 });
    expect([state.most, trials.length]).toEqual([4, 18]);
    expect(trials.every(({ status }) => status === 'paused' || status === 'finished')).toBe(true);
  });

  test('keeps a trial that fails as failed, learns from it, and goes on', async () => {
    const { run } = trainer({ fails: [0, 3] });
    const trials = await searchOf({ run });
    expect(trials[3]).toMatchObject({ status: 'failed', error: 'trial 3 ran out' });
    expect(
      ranked(trials)
        .slice(-2)
        .map(({ trial }) => trial),
    ).toEqual([0, 3]);
    expect(ranked(trials)[0]!.status).toBe('finished');
    const none = await searchOf({ ...trainer({ fails: [0, 1, 2, 3] }), limit: 4 });
    expect(none.map(({ status }) => status)).toEqual(Array(4).fill('failed'));
  });

  test('of a finite space tries each of its settings once', async () => {
    const choices = parseSpace({ x: { choices: [0.1, 0.2, 0.3, 0.4] } }, 'space.json');
    const lines: string[] = [];
    const trials = await searchOf({ ...trainer(), space: choices, log: line => lines.push(line) });
    expect(trials.map(({ settings }) => settings.x).sort()).toEqual([0.1, 0.2, 0.3, 0.4]);
    expect(lines).toContain('the space has 4 settings: 4 trials');
  });

  test('that ended after any event goes on to the same trials', async () => {
    const whole = memory();
    const expected = ranked(await searchOf({ ...trainer(), journal: whole }));
    for (let cut = 0; cut < whole.events.length; cut += 5) {
      const part = memory(whole.events.slice(0, cut));
      // Trials go on from the checkpoints that the events before the cut speak of.
      const { run } = trainer();
      expect(ranked(await searchOf({ run, journal: part })), `cut after ${cut}`).toEqual(expected);
    }
  });

  test('that is stopped says so, and what ran is gone on with first', async () => {
    const controller = new AbortController();
    const journal = memory();
    const { run } = trainer();
    const stopping = (job: TrialJob) => {
      if (job.trial === 2) {
        controller.abort('SIGINT');
        return Promise.reject(new Error('stopped'));
      }
      return run(job);
    };
    await expect(searchOf({ run: stopping, journal, signal: controller.signal })).rejects.toMatchObject({
      code: 'interrupted',
      message: 'stopped by SIGINT: the same command with --resume goes on',
    });
    const trials: Trial[] = [];
    for (const event of journal.events) apply(trials, event);
    expect(trials[2]!.status).toBe('running');
    const again = trainer();
    await searchOf({ run: again.run, journal });
    expect(again.state.order[0]).toBe('2:1');
  });
});

describe('a journal', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'veneer-search-'));
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));
  const event: SearchEvent = { kind: 'trial', trial: 0, settings: { x: 0.5 } };

  test('has what was added, and drops a line that a kill cut off', async () => {
    const path = join(folder, 'a.jsonl');
    const first = await openJournal(path, { search: { seed: 1 }, resume: false });
    first.add(event);
    first.close();
    const before = await readFile(path, 'utf8');
    await appendFile(path, '{"kind":"paused","tri');
    const second = await openJournal(path, { search: { seed: 1 }, resume: true });
    expect(second.events).toEqual([event]);
    second.close();
    expect(await readFile(path, 'utf8')).toBe(before);
  });

  test('of a search that is there needs resume; another search, or a damaged line, is refused by name', async () => {
    const path = join(folder, 'b.jsonl');
    (await openJournal(path, { search: { seed: 1, eta: 3 }, resume: true })).close();
    const open = (resume: boolean, seed: number) => openJournal(path, { search: { seed, eta: 3 }, resume });
    await expect(open(false, 1)).rejects.toMatchObject({ code: 'conflict' });
    await expect(open(true, 2)).rejects.toThrow(`${path}: another search than this: seed was 1, is 2:`);
    const head = await readFile(path, 'utf8');
    await writeFile(path, `${head}{"kind":"promoted"}\n`);
    await expect(open(true, 1)).rejects.toThrow(`${path}:2: no event of a search`);
    await writeFile(path, `${head}nonsense\n`);
    await expect(open(true, 1)).rejects.toThrow(`${path}:2: not a line of JSON`);
  });
});
