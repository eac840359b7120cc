import { execFileSync } from 'node:child_process';
import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openStore } from '../../functions/store/open.ts';

describe('a store URL', () => {
  for (const [url, opened] of [
    ['file:.veneer', `file:${resolve('.veneer')}`],
    ['file:some/where', `file:${resolve('some/where')}`],
    ['file:/abs/dir', 'file:/abs/dir'],
    ['file:///abs/dir', 'file:/abs/dir'],
    ['s3://bucket', 's3://bucket'],
    ['s3://bucket/', 's3://bucket'],
    ['s3://my.bucket-1/some/Prefix_1', 's3://my.bucket-1/some/Prefix_1'],
    ['s3://bucket/p/', 's3://bucket/p'],
  ] as const)
    it(`${url} opens ${opened.startsWith('file') ? 'a directory' : 'a bucket'}`, async () => {
      expect((await openStore(url)).url).toBe(opened);
    });

  for (const url of [
    '',
    '.veneer',
    '/abs',
    'file:',
    'file://host/dir',
    'file:////dir',
    'http://bucket',
    's3:bucket',
    's3://',
    's3://B',
    's3://a',
    's3://bucket//p',
    's3://bucket/../p',
    's3://bucket/p?x',
    's3://key:secret@bucket/p',
    'S3://bucket',
    ' s3://bucket',
    // biome-ignore format: a table
  ])
    it(`${JSON.stringify(url)} is refused`, async () => {
      await expect(openStore(url)).rejects.toMatchObject({
        code: 'usage',
        message: expect.stringMatching(/is no store/),
      });
    });
});

it('opens a directory without loading the AWS SDK', () => {
  const script = `
    import { build } from 'esbuild';
    const { metafile } = await build({ entryPoints: ['functions/store/open.ts'], bundle: true, splitting: true, write: false,
      outdir: 'unused', metafile: true, platform: 'node', format: 'esm', packages: 'external' });
    const entry = Object.values(metafile.outputs).find(output => output.entryPoint === 'functions/store/open.ts');
    console.log(JSON.stringify(entry.imports));`;
  const answer = execFileSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' });
  const imports: { path: string; kind: string }[] = JSON.parse(answer);
  const later = imports.filter(({ kind }) => kind === 'dynamic-import').map(({ path }) => path);
  expect(later.sort()).toEqual([expect.stringMatching(/\/lock-/), expect.stringMatching(/\/plain-s3-/)]);
  expect(imports.some(({ path }) => path.startsWith('@aws-sdk'))).toBe(false);
});
