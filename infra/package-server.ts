/** `npm run package -- OUT`: a folder that starts a server with `node OUT/server.js` and needs nothing else. */
import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { fail, readArguments } from './arguments.ts';
import { hasRuntime, packageServer } from './package.ts';

const usage = 'npm run package -- OUT [--platform linux] [--architecture arm64]';
const { positionals, values } = readArguments(
  {
    options: {
      platform: { type: 'string', default: process.platform },
      architecture: { type: 'string', default: process.arch },
    },
    allowPositionals: true,
  },
  usage,
);
if (positionals.length !== 1) fail('name one folder', usage);
const root = process.cwd();
const outdir = resolve(positionals[0]!);
const platform = values.platform as NodeJS.Platform;
const { architecture } = values;
if (!hasRuntime({ root, platform, architecture }))
  fail(`onnxruntime-node has nothing for ${platform} on ${architecture}`, usage);
// It is emptied before it is filled.
const present = await readdir(outdir).catch((error: NodeJS.ErrnoException) => {
  if (error.code === 'ENOENT') return [];
  fail(`${outdir} cannot be read as a folder: ${error.code}`, usage);
});
if (present.length > 0 && !existsSync(join(outdir, 'dist/main.js')))
  fail(`${outdir} holds other files than a packaged server's`, usage);
const files = await packageServer({ root, outdir, platform, architecture });
const megabytes = files.reduce((sum, { bytes }) => sum + bytes, 0) / 1e6;
process.stdout.write(
  `node ${join(outdir, 'server.js')} # ${megabytes.toFixed(0)} MB for ${platform} on ${architecture}\n`,
);
