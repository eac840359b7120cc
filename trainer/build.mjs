/** Bundles the entry files to dist/ with packages left external. Workers are entries of their own, and so is the client. */
import { execFileSync } from 'node:child_process';
import { existsSync, rmSync } from 'node:fs';
import { build } from 'esbuild';

const entries = [
  'trainer/main.ts',
  'trainer/quickstart.ts',
  'trainer/bench.ts',
  'trainer/bench/step.ts',
  'trainer/bench/http-stub-run.ts',
  'trainer/bench/serve-run.ts',
  'trainer/bench/sessions-run.ts',
  'trainer/bench/transformers-js.ts',
  'trainer/engines/onnx-worker.ts',
  'trainer/engines/tfjs-worker.ts',
  'trainer/engines/tfjs-probe.ts',
  'functions/server.ts',
  'functions/client.ts',
  'functions/engine/worker.ts',
  'infra/cost.ts',
  'infra/package-server.ts',
].filter(entry => existsSync(entry));

// Chunk names carry a hash, so old ones pile up until a fresh build.
if (process.argv.includes('--fresh')) rmSync('dist', { recursive: true, force: true });

await build({
  entryPoints: entries,
  outbase: '.',
  outdir: 'dist',
  bundle: true,
  splitting: true,
  packages: 'external',
  loader: { '.html': 'text' },
  platform: 'node',
  format: 'esm',
  target: 'node20',
  sourcemap: true,
  logLevel: 'warning',
});

// What a TypeScript program that imports the client is checked against.
execFileSync(process.execPath, ['node_modules/typescript/bin/tsc', '-p', 'functions/tsconfig.client.json'], {
  stdio: 'inherit',
});
