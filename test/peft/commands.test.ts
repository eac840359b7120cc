/** push-adapter and export on the command line, with a directory that PEFT wrote. */
import { mkdir, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { sha256 } from '../../functions/artifacts/digest.ts';
import { refusalOf, resultOf, runTrainer } from '../cli/trainer.ts';
import { type GoldenBase, golden, openGoldenBase } from './golden-base.ts';

let opened: GoldenBase;
beforeAll(async () => {
  opened = await openGoldenBase();
});
afterAll(() => opened.close());

const run = (...args: string[]) => runTrainer([...args, '--store', 'file:store'], { cwd: opened.folder });
const push = (directory: string, ...args: string[]) =>
  run('push-adapter', directory, '--tenant', 'acme', '--name', 'mail', ...args);

test('push-adapter publishes it as int8, export writes it, and what was written is pushed again', async () => {
  const pushed = resultOf(await push(golden('pooler-trained'), '--base', 'golden', '--json'));
  const { manifest } = await opened.load('acme', 'mail');
  expect(manifest).toMatchObject({ quantization: 'int8', task: 'classification' });
  const written = resultOf(await run('export', 'mail', '--tenant', 'acme', '--out', 'made/peft', '--json'));
  expect(written).toEqual({
    out: 'made/peft',
    digest: pushed.digest,
    files: ['README.md', 'adapter_config.json', 'adapter_model.safetensors', 'config.json'],
  });
  const out = join(opened.folder, 'made/peft');
  expect((await readdir(out)).sort()).toEqual(written.files);
  resultOf(await push('made/peft', '--base', 'golden', '--alias', 'again', '--json'));
  const again = await opened.load('acme', 'mail@again');
  expect(again.manifest.labels).toEqual(manifest.labels);
  expect(again.manifest.training.dataset).toBe(
    sha256(await readFile(join(out, 'adapter_model.safetensors'))),
  );
});

test('a PEFT directory without --base is refused, and so are its flags with another directory', async () => {
  expect(refusalOf(await push(golden('pattern')), 2)).toMatch(/is a PEFT directory: say its base.*--base$/);
  await mkdir(join(opened.folder, 'empty'), { recursive: true });
  expect(refusalOf(await push('empty', '--base', 'golden'), 2)).toMatch(/^--base goes with a PEFT directory/);
  expect(refusalOf(await push('empty', '--max-length', '16'), 2)).toMatch(/^--max-length goes with/);
  expect(refusalOf(await push('empty'))).toMatch(/manifest\.json/);
});

test('a gate on a metric refuses it, since PEFT wrote none', async () => {
  const gated = await push(golden('pattern'), '--base', 'golden', '--min-metric', 'f1=50');
  expect(gated.code).toBe(1);
  expect(gated.stderr).toMatch(
    /error: no f1 to hold against the least of 50: the manifest has no served metrics/,
  );
});

test('export says what it cannot find or write', async () => {
  expect(refusalOf(await run('export', 'absent', '--tenant', 'acme', '--out', 'x'))).toMatch(
    /no adapter absent/,
  );
  expect(refusalOf(await run('export', 'nowhere', '--out', 'x'), 2)).toMatch(
    /nowhere is no directory.*--tenant/,
  );
  expect(refusalOf(await run('export', 'empty', '--out', 'x'))).toMatch(/manifest\.json/);
  expect(refusalOf(await run('export', 'mail', '--out', 'x', '--format', 'gguf'), 2)).toMatch(/peft/);
});
