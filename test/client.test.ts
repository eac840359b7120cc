/** The typed client: its types are the schemas', a program that imports it compiles, and it asks the app. */
import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, expectTypeOf, it, test } from 'vitest';
import type { z } from 'zod';
import type * as client from '../functions/client.ts';
import { createClient } from '../functions/client.ts';
import type { Adapter, AdapterList, Deleted } from '../functions/http/adapters.ts';
import type { BatchAnswer } from '../functions/http/batch-routes.ts';
import type { Problem } from '../functions/http/problem.ts';
import type { Pushed } from '../functions/http/push.ts';
import type { classificationForm } from '../functions/http/tasks/classification.ts';
import type { questionAnsweringForm } from '../functions/http/tasks/question-answering.ts';
import type { RefusedInput } from '../functions/http/tasks/refused-input.ts';
import type { sequenceLabelingForm } from '../functions/http/tasks/sequence-labeling.ts';
import type { UsageReport } from '../functions/http/usage.ts';
import { type Serving, serving } from './http/tenants.ts';

let world: Serving;
beforeAll(async () => {
  world = await serving();
});
afterAll(() => world.remove());

const asking = (key: string) =>
  createClient('http://server', {
    key,
    fetch: async (input: string | URL | Request, init?: RequestInit) =>
      world.app.request(String(input), init),
  });

/** One input of a form, its parameters and its answer. */
type Shape<Form extends { inputs: z.ZodType; parameters: z.ZodType; output: z.ZodType }> = {
  inputs: z.input<Form['inputs']>;
  parameters: z.input<Form['parameters']>;
  output: z.output<Form['output']>;
};
type Written<Input, Parameters, Output> = { inputs: Input | Input[]; parameters: Parameters; output: Output };

test('its types are those of the schemas that validate', () => {
  // Checked by `npm run check`.
  expectTypeOf<Shape<ReturnType<typeof classificationForm>>>().toEqualTypeOf<
    Written<client.ClassificationInput, client.ClassificationParameters, client.ClassificationOutput>
  >();
  expectTypeOf<Shape<ReturnType<typeof sequenceLabelingForm>>>().toEqualTypeOf<
    Written<client.SequenceLabelingInput, client.SequenceLabelingParameters, client.SequenceLabelingOutput>
  >();
  expectTypeOf<Shape<ReturnType<typeof questionAnsweringForm>>>().toEqualTypeOf<
    Written<client.QuestionAnsweringInput, client.QuestionAnsweringParameters, client.QuestionAnsweringOutput>
  >();
  expectTypeOf<z.infer<typeof RefusedInput>>().toEqualTypeOf<client.RefusedInput>();
  expectTypeOf<z.infer<typeof AdapterList>>().toEqualTypeOf<client.AdapterList>();
  expectTypeOf<z.infer<typeof Adapter>>().toEqualTypeOf<client.Adapter>();
  expectTypeOf<z.infer<typeof Deleted>>().toEqualTypeOf<client.DeletedAdapter>();
  expectTypeOf<z.infer<typeof Pushed>>().toEqualTypeOf<client.PushedVersion>();
  expectTypeOf<z.infer<typeof UsageReport>>().toEqualTypeOf<client.UsageReport>();
  expectTypeOf<BatchAnswer>().toEqualTypeOf<client.Batch>();
  expectTypeOf<z.infer<typeof Problem>>().toEqualTypeOf<client.Problem>();
});

describe('against the app', () => {
  it('asks all three tasks', async () => {
    const { v1 } = asking(world.key);
    const classified = await v1.classification.$post({ json: { model: 'support', inputs: 'a b' } });
    if (!classified.ok) throw new Error((await classified.json()).title);
    const { outputs, model, task } = await classified.json();
    expect([task, model]).toEqual(['classification', { name: 'support', digest: world.digests.support }]);
    expect(outputs[0]).toMatchObject({ label: 'refund' });
    const tagged = await v1['sequence-labeling'].$post({
      json: { model: 'entities', inputs: ['an entity', { text: 'a' }] },
    });
    expect(await tagged.json()).toMatchObject({ outputs: [{ entities: [{ word: 'entity' }] }, {}] });
    const answered = await v1['question-answering'].$post({
      json: {
        model: 'answers',
        inputs: { question: 'who', context: '😀 longest' },
        parameters: { offset_encoding: 'utf16' },
      },
    });
    expect(await answered.json()).toMatchObject({
      outputs: [{ answers: [{ answer: 'longest', start: 3 }] }],
    });
  });

  it('lists adapters and describes one', async () => {
    const { v1 } = asking(world.key);
    const listed = await (await v1.adapters.$get()).json();
    expect('adapters' in listed && listed.adapters.map(({ name }) => name)).toContain('support');
    const described = await v1.adapters[':name'].$get({ param: { name: 'support' } });
    expect(await described.json()).toMatchObject({ versions: [{ digest: world.digests.support }] });
  });

  it('gives the problem of a refusal', async () => {
    const refused = await asking('vn_acme_x').v1.adapters.$get();
    expect(refused.ok).toBe(false);
    expect(await refused.json()).toMatchObject({ status: 401, code: 'unauthenticated' });
  });

  it('has every path of the API in our own shape', async () => {
    const { paths } = (await (await world.app.request('/openapi.json')).json()) as { paths: object };
    const ours = Object.keys(paths).filter(path => path.startsWith('/v1/'));
    const typed: Record<keyof client.ApiSchema, true> = {
      '/v1/classification': true,
      '/v1/sequence-labeling': true,
      '/v1/question-answering': true,
      '/v1/adapters': true,
      '/v1/adapters/:name': true,
      '/v1/adapters/:name/versions': true,
      '/v1/usage': true,
      '/v1/batches': true,
      '/v1/batches/:id': true,
      '/v1/batches/:id/results': true,
      '/healthz': true,
      '/readyz': true,
    };
    expect(ours.filter(path => !(path.replace(/\{(\w+)\}/g, ':$1') in typed))).toEqual([]);
  });
});

describe('as a package', () => {
  const program = `
import { createClient, type Adapter } from 'veneer/client';
const client = createClient('http://127.0.0.1:8787', { key: 'vn_acme_x' });
export async function run(): Promise<number> {
  const response = await client.v1.classification.$post({ json: { model: 'support', inputs: ['a', { text: 'b' }] } });
  if (!response.ok) throw new Error((await response.json()).code);
  const [first] = (await response.json()).outputs;
  if (!first || 'error' in first) throw new Error(first?.error.message);
  const label: string = first.label;
  const described: Adapter | { code: string } = await (await client.v1.adapters[':name'].$get({ param: { name: label } })).json();
  // @ts-expect-error: there is no such parameter
  await client.v1.classification.$post({ json: { model: 'support', inputs: 'a', parameters: { top: 1 } } });
  // @ts-expect-error: a question needs its context
  await client.v1['question-answering'].$post({ json: { model: 'a', inputs: { question: 'b' } } });
  // @ts-expect-error: there is no such task
  await client.v1.translation.$post({ json: { model: 'a', inputs: 'b' } });
  // @ts-expect-error: scores are numbers
  const score: string = first.score;
  return 'versions' in described ? described.versions.length : score.length;
}
`;
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'veneer-consumer-'));
    await mkdir(join(folder, 'node_modules'));
    await symlink(resolve('.'), join(folder, 'node_modules', 'veneer'));
    await writeFile(join(folder, 'package.json'), '{"type": "module"}');
    await writeFile(join(folder, 'program.ts'), program);
    await writeFile(
      join(folder, 'run.mjs'),
      "import { createClient } from 'veneer/client';\nconsole.log(typeof createClient);\n",
    );
  });
  afterAll(() => rm(folder, { recursive: true }));

  it.each(['nodenext', 'bundler'])('compiles in a strict program, module resolution %s', resolution => {
    const options = ['--strict', '--noEmit', '--target', 'es2023', '--lib', 'es2023,dom', '--types', ''];
    const modules = [
      '--module',
      resolution === 'bundler' ? 'esnext' : resolution,
      '--moduleResolution',
      resolution,
    ];
    const tsc = resolve('node_modules/typescript/bin/tsc');
    const run = () =>
      execFileSync(process.execPath, [tsc, ...options, ...modules, 'program.ts'], {
        cwd: folder,
        encoding: 'utf8',
      });
    expect(run()).toBe('');
  });

  it('is found by Node', () => {
    const output = execFileSync(process.execPath, ['run.mjs'], { cwd: folder, encoding: 'utf8' });
    expect(output).toBe('function\n');
  });
});
