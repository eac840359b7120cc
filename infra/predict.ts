/** The prediction API as one AWS Lambda function behind the router; API keys are checked by the app itself. */
import { readableArtifacts, writableBatches, writableCounts } from './artifacts.ts';
import { common } from './function.ts';
import { capacityProviderConfig } from './managed-instances.ts';
import { router } from './router.ts';
import { settings } from './settings.ts';

const { reservedConcurrency, managedInstances, batches } = settings;

export const predict = new sst.aws.Function('Predict', {
  ...common,
  handler: 'lambda.handler',
  timeout: '30 seconds',
  // Open, since CloudFront could sign its requests only in the header that carries the API key.
  url: { authorization: 'none', cors: false, router: { instance: router } },
  link: [readableArtifacts, writableCounts, ...(batches ? [writableBatches] : [])],
  ...(reservedConcurrency === undefined ? {} : { concurrency: { reserved: reservedConcurrency } }),
  transform: {
    function: args => {
      if (!managedInstances) return;
      args.capacityProviderConfig = capacityProviderConfig();
      args.publish = true;
      args.publishTo = 'LATEST_PUBLISHED';
    },
  },
});
