/** The prediction API as one AWS Lambda function behind the router; API keys are checked by the app itself. */
import { bucket, readableArtifacts } from './artifacts.ts';
import { capacityProviderConfig } from './managed-instances.ts';
import { packageFunction } from './package.ts';
import { router } from './router.ts';
import { settings } from './settings.ts';

const { architecture, memoryMb, reservedConcurrency, managedInstances } = settings;
const outdir = '.sst/veneer-predict';
await packageFunction({
  root: process.cwd(),
  outdir,
  architecture: architecture === 'x86_64' ? 'x64' : 'arm64',
  base: process.env.VENEER_BAKED_BASE || undefined,
});

export const predict = new sst.aws.Function('Predict', {
  bundle: outdir,
  handler: 'lambda.handler',
  runtime: 'nodejs22.x',
  architecture,
  memory: `${memoryMb} MB`,
  timeout: '30 seconds',
  // Open, since CloudFront could sign its requests only in the header that carries the API key.
  url: { authorization: 'none', cors: false, router: { instance: router } },
  link: [readableArtifacts],
  // JSON, from which the alarm on init times reads.
  logging: { format: 'json', retention: '1 month' },
  ...(reservedConcurrency === undefined ? {} : { concurrency: { reserved: reservedConcurrency } }),
  environment: {
    VENEER_STORE: $interpolate`s3://${bucket.name}`,
    VENEER_BASE: process.env.VENEER_BASE ?? 'minilm-l6',
    // The engine computes in the thread that asks: classic Lambda sends one request at a time, and on Managed Instances
    // the Node runtime itself starts a worker thread for each vCPU.
    VENEER_WORKERS: '0',
    ...(process.env.VENEER_BAKED_BASE ? { VENEER_CACHE_DIR: '/var/task/base' } : {}),
  },
  transform: {
    function: args => {
      if (!managedInstances) return;
      args.capacityProviderConfig = capacityProviderConfig();
      args.publish = true;
      args.publishTo = 'LATEST_PUBLISHED';
    },
  },
});
