/** The import table, one importer per vendor, no cycles, and what a file of this repository may not hold. */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { posix } from 'node:path';
import { build } from 'esbuild';
import { describe, expect, it, test } from 'vitest';
import { readImports } from './imports.ts';

interface Import {
  from: string;
  /** Path in the repository, or a package's specifier. */
  to: string;
}

const topLevel = [
  'LICENSE',
  'README.md',
  'functions',
  'infra',
  'package-lock.json',
  'package.json',
  'sst.config.ts',
  'test',
  'trainer',
];

/** Packages and the only files that may import them. */
const importers: [title: string, vendor: RegExp, files: RegExp][] = [
  [
    'onnxruntime-node: the two session files, and benchmarks',
    /^onnxruntime-/,
    /^(functions\/engine\/session|trainer\/engines\/onnx-worker|trainer\/bench(\/.+)?)\.ts$/,
  ],
  [
    'the AWS SDK: the S3 store',
    /^@(aws-sdk\/(?!client-batch$)|smithy\/)/,
    /^functions\/store\/s3(-error)?\.ts$/,
  ],
  ['aws4fetch: requests to S3 without its SDK', /^aws4fetch$/, /^functions\/store\/plain-s3\.ts$/],
  ['AWS Batch: the job queue', /^@aws-sdk\/client-batch$/, /^trainer\/jobs\/aws-batch\.ts$/],
  ['TensorFlow.js: the file that loads it', /^@tensorflow\//, /^trainer\/engines\/tensorflow\.ts$/],
  [
    'protobufjs: the schemas of ONNX and of TensorBoard events',
    /^protobufjs/,
    /^trainer\/(graph\/onnx|visualize\/event)-schema\.ts$/,
  ],
  [
    'Hono: the HTTP surface, its HTML templates for reports, and the benchmark against it',
    /^(hono$|hono\/|@hono\/)/,
    /^(functions\/(http\/.+|server|lambda|client)|trainer\/report\/markup|trainer\/bench\/http-stub-run)\.ts$/,
  ],
  [
    'Observable Plot and linkedom: the charts of reports',
    /^(@observablehq\/|linkedom)/,
    /^trainer\/report\/charts?\.ts$/,
  ],
  ['prom-client: the metrics', /^prom-client$/, /^functions\/metrics\.ts$/],
  ['OpenTelemetry: the spans', /^@opentelemetry\//, /^functions\/tracing\.ts$/],
  ['csv-parse: the readers', /^csv-parse/, /^trainer\/data\//],
  ['hyparquet: the Parquet reader', /^hyparquet/, /^trainer\/data\/parquet\.ts$/],
  ['commander: the commands and their program', /^commander$/, /^trainer\/(commands\/.+|program)\.ts$/],
  ['cli-progress: the commands', /^cli-progress$/, /^trainer\/commands\//],
];

/** What an import may not be. */
const rules: [title: string, broken: (edge: Import) => boolean][] = [
  ['functions/ never imports trainer/', ({ from, to }) => inside(from, 'functions') && inside(to, 'trainer')],
  [
    'nothing imports the entry files of functions/',
    ({ to }) => to === 'functions/server.ts' || to === 'functions/lambda.ts',
  ],
  [
    'of the HTTP surface the trainer imports the server and who may ask it, for `serve` and the quickstart, and its benchmark',
    ({ from, to }) =>
      inside(from, 'trainer') &&
      from !== 'trainer/bench/http-stub-run.ts' &&
      inside(to, 'functions/http') &&
      !(
        /^functions\/http\/(serve|access)\.ts$/.test(to) &&
        /^trainer\/(commands\/serve|quickstart)\.ts$/.test(from)
      ),
  ],
  [
    'tasks and tokenization know nothing of the store, the engine and HTTP',
    ({ from, to }) =>
      /^functions\/(tasks|tokenizer)\//.test(from) && /^functions\/(store|http|engine)\//.test(to),
  ],
  [
    'product code imports neither tests nor infrastructure, except that a bench measures what is packaged',
    ({ from, to }) =>
      /^(functions|trainer)\//.test(from) &&
      /^(test|infra)\//.test(to) &&
      !(from === 'trainer/bench/cold.ts' && to === 'infra/package.ts'),
  ],
  ...importers.map(([title, vendor, files]): [string, (edge: Import) => boolean] => [
    title,
    ({ from, to }) => vendor.test(to) && !files.test(from),
  ]),
];

const sources = readSources();
const imports = Object.entries(sources).flatMap(([from, text]) => importsOf(from, text));

describe('the import table', () => {
  it('covers the sources', () => {
    expect(imports.length).toBeGreaterThan(300);
    for (const [, vendor] of importers) expect(imports.some(({ to }) => vendor.test(to))).toBe(true);
  });

  it('has every import that esbuild follows', async () => {
    const entryPoints = Object.keys(sources);
    const { metafile } = await build({
      ...{ entryPoints, bundle: true, packages: 'external', platform: 'node', format: 'esm' },
      ...{ outdir: 'unused', write: false, metafile: true, loader: { '.html': 'text' } },
    });
    const followed = Object.entries(metafile.inputs).flatMap(([from, input]) =>
      input.imports.map(({ path }) => `${from} ${path}`),
    );
    const read = new Set(imports.map(({ from, to }) => `${from} ${to}`));
    expect(followed.length).toBeGreaterThan(200);
    expect(followed.filter(edge => !read.has(edge))).toEqual([]);
  });

  it('is whole: no import computes its specifier', () => {
    const computing = Object.keys(sources).filter(path => readImports(sources[path]!).includes(undefined));
    expect(computing).toEqual([]);
  });

  it('names files that are there', () => {
    expect(imports.filter(({ to }) => /^(functions|trainer|infra)\//.test(to) && !existsSync(to))).toEqual(
      [],
    );
  });

  it.each(rules)('%s', (_title, broken) => {
    expect(imports.filter(broken)).toEqual([]);
  });

  it.each<[string, string]>([
    ['functions/http/app.ts', 'trainer/fit.ts'],
    ['trainer/train.ts', 'functions/lambda.ts'],
    ['trainer/train.ts', 'functions/server.ts'],
    ['trainer/train.ts', 'functions/http/serve.ts'],
    ['trainer/commands/serve.ts', 'functions/http/app.ts'],
    ['functions/tasks/windows.ts', 'functions/store/open.ts'],
    ['functions/tokenizer/open.ts', 'functions/engine/engine.ts'],
    ['trainer/train.ts', 'test/tiny-base.ts'],
    ['trainer/bench/train.ts', 'infra/package.ts'],
    ['functions/engine/inline.ts', 'onnxruntime-node'],
    ['trainer/engines/onnx.ts', 'onnxruntime-node'],
    ['functions/store/open.ts', '@aws-sdk/client-s3'],
    ['functions/store/plain-s3.ts', '@aws-sdk/client-s3'],
    ['functions/store/s3.ts', 'aws4fetch'],
    ['trainer/jobs/aws-batch.ts', '@aws-sdk/client-s3'],
    ['trainer/commands/submit.ts', '@aws-sdk/client-batch'],
    ['functions/store/s3.ts', '@aws-sdk/client-batch'],
    ['trainer/fit.ts', '@tensorflow/tfjs-node-gpu'],
    ['trainer/graph/onnx.ts', 'protobufjs/light.js'],
    ['functions/predict.ts', 'hono'],
    ['trainer/commands/serve.ts', '@hono/node-server'],
    ['trainer/train.ts', 'csv-parse/sync'],
    ['trainer/data/squad.ts', 'hyparquet-compressors'],
    ['functions/engine/batching.ts', 'prom-client'],
    ['functions/predict.ts', '@opentelemetry/api'],
    ['trainer/fit.ts', 'commander'],
    ['trainer/fit.ts', 'cli-progress'],
    ['trainer/commands/report.ts', '@observablehq/plot'],
    ['trainer/report/page.ts', 'linkedom'],
    ['trainer/report/page.ts', 'hono/html'],
    // biome-ignore format: a table
  ])('would refuse that %s imports %s', (from, to) => {
    expect(rules.filter(([, broken]) => broken({ from, to })).length).toBe(1);
  });

  it('has no cycle', () => {
    expect(cycleIn(imports)).toBe('');
  });

  it('would show a cycle', () => {
    const edges = [
      ['a', 'b'],
      ['b', 'c'],
      ['a', 'd'],
      ['d', 'c'],
      ['c', 'd'],
    ].map(([from, to]) => ({ from: from!, to: to! }));
    expect(cycleIn(edges)).toBe('c -> d -> c');
    expect(cycleIn(edges.slice(0, -1))).toBe('');
    expect(cycleIn([{ from: 'a', to: 'a' }])).toBe('a -> a');
  });
});

describe('reading imports', () => {
  test.each([
    [`import a from './a.ts';`, ['./a.ts']],
    [`import {\n  type A,\n  b as c, // 'no'\n} from "./a.ts"`, ['./a.ts']],
    [`import type { A } from './a.ts';`, ['./a.ts']],
    [`import * as a from 'a/b';`, ['a/b']],
    [`import './effect.ts';`, ['./effect.ts']],
    [
      `export * from './a.ts'; export { b } from './b.ts'; export type { C } from './c.ts'`,
      ['./a.ts', './b.ts', './c.ts'],
    ],
    [`const a = await import('./a.ts'); const b = import(\n  \`b\`,\n);`, ['./a.ts', 'b']],
    [`let a: import('./a.ts').A; const b: typeof import("b")`, ['./a.ts', 'b']],
    [`import a = require('a'); const b = require("b");`, ['a', 'b']],
    [`const a = await import(name); await import(\`./\${name}.ts\`)`, [undefined, undefined]],
    [`import a, { b } from 'a';import c from 'c'`, ['a', 'c']],
    [`// import a from 'a'\n/* import('b') */ const c = "import d from 'd'";`, []],
    [`const a = \`import b from 'b'\`; a.import('c'); const from = 'd'; Array.from('e');`, []],
    [`const quote = /['"\`/]/; const half = 1 / 2 / 3; import a from 'a'`, ['a']],
    [`if (/[/']/.test(a)) b(x => /'/g, a[0] / 2, "'"); import a from 'a'`, ['a']],
    [`console.log(import.meta.url, new URL('./a.ts', import.meta.url))`, []],
    // biome-ignore format: a table
  ] as [string, (string | undefined)[]][])('%s', (source, expected) => {
    expect(readImports(source)).toEqual(expected);
  });
});

describe('the repository', () => {
  const files = listFiles();

  it('has the fixed entries at its top, besides dotfiles', () => {
    const entries = new Set(files.map(path => path.split('/')[0]!).filter(name => !name.startsWith('.')));
    expect([...entries].sort()).toEqual(topLevel);
  });

  it('has no source file over 300 lines', () => {
    const lengths = Object.entries(sources).map(
      ([path, text]) => [path, text.split('\n').length - 1] as const,
    );
    expect(lengths.filter(([, lines]) => lines > 300)).toEqual([]);
  });

  it("names no machine's folders and no package registry's host", () => {
    const forbidden =
      /(?<![\w.})*])\/(?:work|tmp|root|home|Users)\/|(?:registry\.npmjs|registry\.yarnpkg|pypi|pythonhosted|proxy\.golang)\.(?:org|com)/;
    for (const text of [`"/${'work'}/main"`, `file:///${'tmp'}/a`, `https://${'pypi'}.org/simple`])
      expect(text).toMatch(forbidden);
    expect(files.filter(path => forbidden.test(readFileSync(path, 'latin1')))).toEqual([]);
  });

  it('has a lockfile that fits any registry', () => {
    const { packages } = JSON.parse(readFileSync('package-lock.json', 'utf8'));
    expect(Object.keys(packages).length).toBeGreaterThan(100);
    expect(Object.keys(packages).filter(name => 'resolved' in packages[name])).toEqual([]);
    const unpinned = Object.keys(packages).filter(name => name !== '' && !('integrity' in packages[name]));
    expect(unpinned).toEqual([]);
  });
});

/** Files that are committed or could be: nothing that git ignores. */
function listFiles(): string[] {
  const answer = execFileSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], {
    encoding: 'utf8',
  });
  return answer.split('\0').filter(path => path !== '' && existsSync(path));
}

function readSources(): Record<string, string> {
  const paths = listFiles().filter(path => /^(functions|trainer|infra)\/.*\.ts$/.test(path));
  return Object.fromEntries(paths.map(path => [path, readFileSync(path, 'utf8')]));
}

function importsOf(from: string, source: string): Import[] {
  return readImports(source)
    .filter(specifier => specifier !== undefined)
    .map(specifier => ({
      from,
      to: /^\.{1,2}\//.test(specifier) ? posix.join(posix.dirname(from), specifier) : specifier,
    }));
}

function inside(path: string, folder: string): boolean {
  return path.startsWith(`${folder}/`);
}

/** The first cycle as `a -> b -> a`, or empty. */
function cycleIn(edges: readonly Import[]): string {
  const targets = new Map<string, string[]>();
  for (const { from, to } of edges) targets.set(from, [...(targets.get(from) ?? []), to]);
  const done = new Set<string>();
  const visit = (file: string, path: readonly string[]): string => {
    const start = path.indexOf(file);
    if (start >= 0) return [...path.slice(start), file].join(' -> ');
    if (done.has(file)) return '';
    for (const to of targets.get(file) ?? []) {
      const cycle = visit(to, [...path, file]);
      if (cycle) return cycle;
    }
    done.add(file);
    return '';
  };
  for (const file of targets.keys()) {
    const cycle = visit(file, []);
    if (cycle) return cycle;
  }
  return '';
}
