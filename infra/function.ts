/** What the functions have in common: one package, its handlers' runtime, and where they find artifacts. */
import { bucket } from './artifacts.ts';
import { packageFunction } from './package.ts';
import { settings } from './settings.ts';

const { architecture, memoryMb, environment } = settings;
const bundle = '.sst/veneer-function';
await packageFunction({
  root: process.cwd(),
  outdir: bundle,
  architecture: architecture === 'x86_64' ? 'x64' : 'arm64',
  base: process.env.VENEER_BAKED_BASE || undefined,
});

export const common = {
  bundle,
  runtime: 'nodejs22.x',
  architecture,
  memory: `${memoryMb} MB`,
  // JSON, from which the alarm on init times reads.
  logging: { format: 'json', retention: '1 month' },
  environment: {
    ...environment,
    VENEER_STORE: $interpolate`s3://${bucket.name}`,
    VENEER_BASE: process.env.VENEER_BASE ?? 'minilm-l6',
    // The engine computes in the thread that asks: classic Lambda sends one request at a time, and on Managed Instances
    // the Node runtime itself starts a worker thread for each vCPU.
    VENEER_WORKERS: '0',
    // Else onnxruntime tells Microsoft of its sessions.
    ORT_DISABLE_TELEMETRY: '1',
    ...(process.env.VENEER_BAKED_BASE ? { VENEER_CACHE_DIR: '/var/task/base' } : {}),
  },
} as const;
