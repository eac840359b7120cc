/** setup-gpu: what it asks of the registries and the compiler, and what it says where a tool is missing. */
import { access, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { findTfjsPackages, setupFolder, type TfjsVariant } from '../../trainer/engines/tfjs-package.ts';
import { buildTfjs, builtVersion } from '../../trainer/setup/build-tfjs.ts';
import { type Tool, thisTool } from '../../trainer/setup/tool.ts';

let cache: string;
beforeAll(async () => {
  cache = await mkdtemp(join(tmpdir(), 'veneer-setup-'));
});
afterAll(() => rm(cache, { recursive: true, force: true }));

/** A machine whose npm, pip and g++ leave the files that matter, without a network. */
function fakeTool(variant: TfjsVariant, calls: string[]): Tool {
  const folder = setupFolder(cache, variant);
  const name = variant === 'gpu' ? '@tensorflow/tfjs-node-gpu' : '@tensorflow/tfjs-node';
  return {
    platform: 'linux-x64',
    async run(command, { args }) {
      calls.push([command, ...args].join(' '));
      const installed = join(folder, 'node_modules', name);
      if (args[0] === 'install') {
        await mkdir(installed, { recursive: true });
        await writeFile(join(installed, 'package.json'), '{ "version": "4.22.0" }');
      }
      if (args[2] === 'download') await writeFile(join(folder, 'wheels', `${args.at(-1)}.whl`), '');
      if (args[1]?.includes('Requires-Dist'))
        return 'nvidia-cublas-cu12<13.0,>=12.5.3.2\nnvidia-nccl-cu12<3.0\n';
      const at = args.indexOf('-o');
      if (command === 'g++' && at > 0) await writeFile(args[at + 1]!, '');
      return '';
    },
  };
}

test.each([
  ['cpu', ['tensorflow-cpu==2.21.0']],
  ['gpu', ['tensorflow==2.21.0', 'nvidia-cublas-cu12<13.0,>=12.5.3.2 nvidia-nccl-cu12<3.0']],
] as const)('%s: is built in a folder of its own, where the engine finds it', async (variant, wheels) => {
  const calls: string[] = [];
  const folder = setupFolder(cache, variant);
  expect(await builtVersion(folder, variant)).toBeUndefined();
  await buildTfjs({ variant, folder, tool: fakeTool(variant, calls), log: () => {} });
  const downloads = calls.filter(call => call.includes('pip download'));
  expect(downloads).toHaveLength(wheels.length);
  downloads.forEach((call, i) => {
    expect(call).toContain('--no-deps --only-binary=:all:');
    expect(call.endsWith(wheels[i]!)).toBe(true);
  });
  expect(calls.find(call => call.startsWith('npm install'))).toContain('--ignore-scripts');
  expect(calls.at(-1)).toContain(`-Wl,-rpath,${join(folder, 'libraries/tensorflow')}`);
  expect(await builtVersion(folder, variant)).toBe('4.22.0');
  expect(findTfjsPackages(cache).map(found => found.folder)).toContain(folder);
  await expect(access(join(folder, 'wheels'))).rejects.toThrow();
});

describe('what is missing', () => {
  const failing = (missing: string): Tool => ({
    platform: 'linux-x64',
    run: command => (command === missing ? Promise.reject(new Error('ENOENT')) : Promise.resolve('')),
  });
  test.each([
    ['g++', 'setup-gpu needs g++ (package g++ or build-essential): install and run it again'],
    ['python3', 'setup-gpu needs python3 with pip (package python3-pip): install and run it again'],
  ])('%s is named before anything is downloaded', async (command, message) => {
    const folder = join(cache, 'none');
    await expect(
      buildTfjs({ variant: 'cpu', folder, tool: failing(command), log: () => {} }),
    ).rejects.toMatchObject({ code: 'unavailable', message });
    await expect(access(folder)).rejects.toThrow();
  });

  test('another platform is refused', async () => {
    const tool = { ...failing(''), platform: 'darwin-arm64' };
    await expect(
      buildTfjs({ variant: 'cpu', folder: join(cache, 'none'), tool, log: () => {} }),
    ).rejects.toMatchObject({ message: expect.stringContaining('linux-x64 only, and this is darwin-arm64') });
  });

  test("a tool that fails is one line, in the tool's own words", async () => {
    const args = ['-c', 'echo first >&2; echo "ERROR: no such wheel" >&2; echo last >&2; exit 3'];
    await expect(thisTool.run('sh', { args, cwd: '.' })).rejects.toMatchObject({
      code: 'unavailable',
      message: 'sh -c: ERROR: no such wheel',
    });
  });
});
