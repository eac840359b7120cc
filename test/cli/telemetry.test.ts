/** onnxruntime's own reports of its use, which leave files in the temporary folder where they are on: they are off. */
import { mkdir, readdir } from 'node:fs/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { runTrainer } from './trainer.ts';
import { openWorkspace, type Workspace } from './workspace.ts';

let workspace: Workspace;
beforeAll(async () => {
  workspace = await openWorkspace();
});
afterAll(() => workspace.remove());

/** What evaluating leaves in the temporary folder. */
async function leftBy(name: string, env: NodeJS.ProcessEnv): Promise<string[]> {
  const folder = workspace.path(name);
  await mkdir(folder);
  const args = ['evaluate', 'adapter', '--data', 'topics.csv', '--json'];
  // Where CI is set, the library keeps quiet by itself.
  const { code } = await runTrainer(args, {
    cwd: workspace.folder,
    env: { TMPDIR: folder, CI: undefined, ...env },
  });
  expect(code).toBe(0);
  return (await readdir(folder)).filter(file => /^\.ses$|^mat-debug/.test(file));
}

test('nothing is reported, unless somebody asks for it', async () => {
  expect(await leftBy('quiet', { ORT_DISABLE_TELEMETRY: undefined })).toEqual([]);
  expect(await leftBy('asked', { ORT_DISABLE_TELEMETRY: '0' })).not.toEqual([]);
});
