/** Bundles the entry files to dist/ with packages left external. Workers are entries of their own. */
import { existsSync } from 'node:fs';
import { build } from 'esbuild';

const entries = [
  'trainer/main.ts',
  'trainer/quickstart.ts',
  'trainer/bench.ts',
  'trainer/engines/onnx-worker.ts',
  'functions/server.ts',
].filter(entry => existsSync(entry));

await build({
  entryPoints: entries,
  outbase: '.',
  outdir: 'dist',
  bundle: true,
  splitting: true,
  packages: 'external',
  platform: 'node',
  format: 'esm',
  target: 'node20',
  sourcemap: true,
  logLevel: 'warning',
});
