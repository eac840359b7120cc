/** `npm run package -- OUT`: a folder that starts a server with `node OUT/server.js` and needs nothing else. */
import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { packageServer } from './package.ts';

const usage = 'npm run package -- OUT [--platform linux] [--architecture arm64]';

function fail(message: string): never {
  process.stderr.write(`error: ${message} (${usage})\n`);
  process.exit(2);
}

function readArguments(): { outdir: string; platform: NodeJS.Platform; architecture: string } {
  const options = {
    platform: { type: 'string', default: process.platform },
    architecture: { type: 'string', default: process.arch },
  } as const;
  let parsed: ReturnType<typeof parseArgs<{ options: typeof options; allowPositionals: true }>>;
  try {
    parsed = parseArgs({ options, allowPositionals: true });
  } catch (error) {
    fail((error as Error).message);
  }
  const { positionals, values } = parsed;
  if (positionals.length !== 1) fail('name one folder');
  const { platform, architecture } = values;
  const binaries = `node_modules/onnxruntime-node/bin/napi-v6/${platform}/${architecture}`;
  if (!existsSync(binaries)) fail(`onnxruntime-node has nothing for ${platform} on ${architecture}`);
  return { outdir: resolve(positionals[0]!), platform: platform as NodeJS.Platform, architecture };
}

const { outdir, platform, architecture } = readArguments();
// It is emptied before it is filled.
const present = await readdir(outdir).catch(() => []);
if (present.length > 0 && !existsSync(join(outdir, 'dist/main.js')))
  fail(`${outdir} holds other files than a packaged server's`);
const files = await packageServer({ root: process.cwd(), outdir, platform, architecture });
const megabytes = files.reduce((sum, { bytes }) => sum + bytes, 0) / 1e6;
process.stdout.write(
  `node ${join(outdir, 'server.js')} # ${megabytes.toFixed(0)} MB for ${platform} on ${architecture}\n`,
);
