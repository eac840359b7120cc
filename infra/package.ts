/**
 * What is deployed, as a folder that needs nothing else: bundles and the onnxruntime files of exactly one platform. SST, `npm run
 * package`, the tests and `npm run bench -- cold` make it here, so that what is measured is what is deployed.
 */
import { existsSync } from 'node:fs';
import { cp, mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join, relative } from 'node:path';
import { type BuildOptions, build, type Metafile, type Plugin } from 'esbuild';

export type Architecture = 'arm64' | 'x64';

export interface PackageOptions {
  /** The repository. */
  root: string;
  /** Emptied first. */
  outdir: string;
  platform?: NodeJS.Platform;
  architecture: Architecture | (string & {});
}

export interface FunctionOptions extends PackageOptions {
  /** A folder that goes in as `base/`: the cache folder of a process that has used the base, to be named in VENEER_CACHE_DIR. */
  base?: string | undefined;
}

export interface ServerOptions extends PackageOptions {
  /** The source file that `server.js` runs. */
  entry?: string;
}

export interface PackagedFile {
  /** In the package. */
  path: string;
  bytes: number;
}

/** Handlers, at the root as `lambda.handler` and `batch-lambda.handler`, and the worker that their engine starts. */
const functionEntries = {
  'functions/lambda': 'functions/lambda.ts',
  'functions/batch-lambda': 'functions/batch-lambda.ts',
  'functions/engine/worker': 'functions/engine/worker.ts',
};

export async function packageFunction(options: FunctionOptions): Promise<PackagedFile[]> {
  const { outdir, base } = options;
  await rm(outdir, { recursive: true, force: true });
  const metafile = await bundle(options, {
    entryPoints: functionEntries,
    // Keeps what is imported lazily, such as the S3 client, out of the start.
    splitting: true,
    format: 'esm',
    banner: {
      js: "import{createRequire as requireFrom}from'node:module';const require=requireFrom(import.meta.url);",
    },
  });
  await writeFile(join(outdir, 'package.json'), '{"type":"module"}\n');
  // SST wants handlers at the root; the bundles stay where the engine looks for its worker.
  for (const name of ['lambda', 'batch-lambda'])
    await writeFile(join(outdir, `${name}.js`), `export{handler}from'./dist/functions/${name}.js';\n`);
  await copyPages(options);
  await copyRuntime(options, metafile);
  if (base !== undefined) await cp(base, join(outdir, 'base'), { recursive: true });
  return filesOf(outdir);
}

/**
 * A Node server: `node OUT/server.js`, which takes its settings from the environment. CommonJS starts 4 ms before ES modules and, in
 * one file, can be kept as V8 compiled it (functions/code-cache.ts).
 */
export async function packageServer(options: ServerOptions): Promise<PackagedFile[]> {
  const { outdir, entry = 'functions/server.ts' } = options;
  await rm(outdir, { recursive: true, force: true });
  const metafile = await bundle(options, {
    entryPoints: {
      server: 'functions/code-cache.ts',
      'dist/main': entry,
      'dist/worker': 'functions/engine/worker.ts',
    },
    outdir,
    format: 'cjs',
    // Else what is imported lazily would go through the loader of ES modules, which takes 4 ms to be there.
    supported: { 'dynamic-import': false },
    banner: { js: "const importMetaUrl=require('node:url').pathToFileURL(__filename).href;" },
    define: { 'import.meta.url': 'importMetaUrl' },
  });
  await writeFile(join(outdir, 'package.json'), '{"type":"commonjs"}\n');
  // Where the engine looks for it; it is bundled beside the other, for onnxruntime to be there once.
  const worker = join(outdir, 'dist/functions/engine/worker.js');
  await mkdir(dirname(worker), { recursive: true });
  await writeFile(worker, "require('../../worker.js');\n");
  await copyPages(options);
  await copyRuntime(options, metafile);
  return filesOf(outdir);
}

/** To `dist/` of the package unless told otherwise. */
async function bundle(
  { root, outdir, platform = 'linux', architecture }: PackageOptions,
  options: BuildOptions,
): Promise<Metafile> {
  const { metafile } = await build({
    absWorkingDir: root,
    outdir: join(outdir, 'dist'),
    bundle: true,
    minify: true,
    platform: 'node',
    target: 'node20',
    // The AWS SDK's ES modules, of which only what is used goes in.
    mainFields: ['module', 'main'],
    external: ['*.node'],
    loader: { '.html': 'text' },
    plugins: [bundledOnnxRuntime, englishZod],
    logLevel: 'warning',
    ...options,
    // With these the path of the native binding is a constant.
    define: {
      'process.platform': JSON.stringify(platform),
      'process.arch': JSON.stringify(architecture),
      ...options.define,
    },
    metafile: true,
  });
  return metafile;
}

/** What `/docs` shows. */
async function copyPages({ root, outdir }: PackageOptions): Promise<void> {
  for (const file of ['package.json', 'swagger-ui-bundle.js', 'swagger-ui.css'])
    await cp(installed(root, `swagger-ui-dist/${file}`), join(outdir, 'node_modules/swagger-ui-dist', file));
}

type Target = Pick<PackageOptions, 'root' | 'platform' | 'architecture'>;

const onnxRuntime = (root: string) => dirname(installed(root, 'onnxruntime-node/package.json'));
const binariesFor = ({ platform = 'linux', architecture }: Target) =>
  `bin/napi-v6/${platform}/${architecture}`;

/** Whether onnxruntime-node brings what this platform and processor need. */
export const hasRuntime = (target: Target) => existsSync(join(onnxRuntime(target.root), binariesFor(target)));

/** To where `../bin/...` leads from the bundle that binds it, as from the file of onnxruntime's own package. */
async function copyRuntime(options: PackageOptions, { outputs }: Metafile): Promise<void> {
  const { root } = options;
  const binaries = binariesFor(options);
  const targets = Object.entries(outputs)
    .filter(([, { inputs }]) =>
      Object.keys(inputs).some(input => input.endsWith('onnxruntime-node/dist/binding.js')),
    )
    .map(([output]) => join(root, dirname(output), '..', binaries));
  for (const target of new Set(targets)) {
    await mkdir(target, { recursive: true });
    await cp(join(onnxRuntime(root), binaries), target, { recursive: true });
  }
}

/** The session requires onnxruntime-node in a way that bundlers leave alone; here it shall be bundled, which starts faster. */
const bundledOnnxRuntime: Plugin = {
  name: 'bundled-onnxruntime',
  setup({ onLoad }) {
    onLoad({ filter: /functions[/\\]engine[/\\]session\.ts$/ }, async ({ path }) => {
      const source = await readFile(path, 'utf8');
      const contents = source.replace(
        "createRequire(import.meta.url)('onnxruntime-node')",
        "require('onnxruntime-node')",
      );
      if (contents === source)
        throw new Error(`${path} requires onnxruntime-node in another way than expected here`);
      return { contents, loader: 'ts' };
    });
  },
};

/** Zod brings its messages in fifty languages, over a third of the code that a start would read; only English is used. */
const englishZod: Plugin = {
  name: 'english-zod',
  setup({ onLoad }) {
    onLoad({ filter: /zod[/\\]v4[/\\]locales[/\\]index\.js$/ }, () => ({
      contents: "export { default as en } from './en.js';",
    }));
  },
};

function installed(root: string, file: string): string {
  return createRequire(join(root, 'package.json')).resolve(file);
}

/** In the order of their paths. */
async function filesOf(folder: string): Promise<PackagedFile[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter(entry => entry.isFile()).map(entry => join(entry.parentPath, entry.name));
  const packaged = files.map(async path => ({
    path: relative(folder, path).replaceAll('\\', '/'),
    bytes: (await stat(path)).size,
  }));
  return (await Promise.all(packaged)).sort((a, b) => (a.path < b.path ? -1 : 1));
}
