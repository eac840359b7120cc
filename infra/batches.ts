/** Works on the batches that the prediction function took, now and then; only where a stage asks for it, since it costs while idle. */
import { readableArtifacts, writableBatches, writableCounts } from './artifacts.ts';
import { common } from './function.ts';
import { settings } from './settings.ts';

if (settings.batches)
  new sst.aws.CronV2('Batches', {
    schedule: 'rate(5 minutes)',
    function: {
      ...common,
      handler: 'batch-lambda.handler',
      timeout: '15 minutes',
      link: [readableArtifacts, writableCounts, writableBatches],
    },
  });
