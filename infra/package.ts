/**
 * What is uploaded as a function: its bundles and the onnxruntime files of exactly one platform, as a folder. SST, the tests and
 * `npm run bench -- cold` make it here, so that what is measured is what is deployed.
 */
import { cp, mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join, relative } from 'node:path';
import { build, type Plugin } from 'esbuild';

export type Architecture = 'arm64' | 'x64';

export interface PackageOptions {
  /** The repository. */
  root: string;
  /** Emptied first. */
  outdir: string;
  platform?: NodeJS.Platform;
  architecture: Architecture | (string & {});
  /** Source files by their path under `dist/` of the package, without its extension. */
  entries?: Readonly<Record<string, string>>;
  /** A folder that goes in as `base/`: the cache folder of a process that has used the base, to be named in VENEER_CACHE_DIR. */
  base?: string | undefined;
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

export async function packageFunction({
  root,
  outdir,
  platform = 'linux',
  architecture,
  entries = functionEntries,
  base,
}: PackageOptions): Promise<PackagedFile[]> {
  await rm(outdir, { recursive: true, force: true });
  const { metafile } = await build({
    absWorkingDir: root,
    entryPoints: Object.entries(entries).map(([out, file]) => ({ in: file, out })),
    outdir: join(outdir, 'dist'),
    bundle: true,
    // Keeps what is imported lazily, such as the S3 client, out of the start.
    splitting: true,
    minify: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    // The AWS SDK's ES modules, of which only what is used goes in.
    mainFields: ['module', 'main'],
    external: ['*.node'],
    loader: { '.html': 'text' },
    // With these the path of the native binding is a constant.
    define: {
      'process.platform': JSON.stringify(platform),
      'process.arch': JSON.stringify(architecture),
    },
    plugins: [bundledOnnxRuntime, englishZod],
    banner: {
      js: "import{createRequire as requireFrom}from'node:module';const require=requireFrom(import.meta.url);",
    },
    metafile: true,
    logLevel: 'warning',
  });
  await writeFile(join(outdir, 'package.json'), '{"type":"module"}\n');
  if (entries === functionEntries) {
    // SST wants handlers at the root; the bundles stay where the engine looks for its worker.
    for (const name of ['lambda', 'batch-lambda'])
      await writeFile(join(outdir, `${name}.js`), `export{handler}from'./dist/functions/${name}.js';\n`);
    for (const file of ['package.json', 'swagger-ui-bundle.js', 'swagger-ui.css'])
      await cp(
        installed(root, `swagger-ui-dist/${file}`),
        join(outdir, 'node_modules/swagger-ui-dist', file),
      );
  }

  const binaries = `bin/napi-v6/${platform}/${architecture}`;
  const onnxRuntime = dirname(installed(root, 'onnxruntime-node/package.json'));
  for (const [output, { inputs }] of Object.entries(metafile.outputs)) {
    if (!Object.keys(inputs).some(input => input.endsWith('onnxruntime-node/dist/binding.js'))) continue;
    // Where `../bin/...` leads from this bundle, as from the file of the package.
    const target = join(root, dirname(output), '..', binaries);
    await mkdir(target, { recursive: true });
    await cp(join(onnxRuntime, binaries), target, { recursive: true });
  }
  if (base !== undefined) await cp(base, join(outdir, 'base'), { recursive: true });
  return filesOf(outdir);
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
