/**
 * schemathesis asks a live server what its own OpenAPI document allows, and what that forbids: no answer may be a 500 or
 * undocumented. VENEER_SCHEMATHESIS is the program where it is not on the PATH; VENEER_SCHEMATHESIS_CASES are cases a route.
 */
import { spawn, spawnSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type PipelineServer, startPipelineServer } from '../golden/pipelines-server.ts';

const program = process.env.VENEER_SCHEMATHESIS || 'schemathesis';
const cases = process.env.VENEER_SCHEMATHESIS_CASES || '25';
const seed = process.env.VENEER_SCHEMATHESIS_SEED || '1';
const found = spawnSync(program, ['--version'], { encoding: 'utf8' }).status === 0;
if (!found) console.warn('schemathesis is not there: pip install schemathesis, or set VENEER_SCHEMATHESIS');

describe.skipIf(!found)('schemathesis with all of its checks', () => {
  let server: PipelineServer;
  let folder: string;
  beforeAll(async () => {
    server = await startPipelineServer('wordpiece');
    folder = await mkdtemp(join(tmpdir(), 'veneer-schemathesis-'));
  });
  afterAll(async () => {
    await server?.close();
    if (folder) await rm(folder, { recursive: true, force: true });
  });

  test(`finds nothing, seed ${seed}`, { timeout: 1_200_000 }, async () => {
    const args = [
      ...['run', `${server.url}/openapi.json`, '--header', `Authorization: Bearer ${server.key}`],
      ...['--checks', 'all', '--max-examples', cases, '--seed', seed, '--continue-on-failure'],
      ...['--generation-database', 'none', '--no-color'],
    ];
    // Not spawnSync: the server answers in this very process.
    const child = spawn(program, args, { cwd: folder, stdio: ['ignore', 'pipe', 'inherit'] });
    const ended = new Promise(resolve => child.once('close', resolve));
    const told = await text(child.stdout);
    const code = await ended;
    console.log(told);
    expect(code).toBe(0);
  });
});
