/// <reference path="./.sst/platform/config.d.ts" />
/** The deployment: what is declared in infra/, one set of resources a stage. */

export default $config({
  app({ stage }) {
    const production = stage === 'production';
    return {
      name: 'veneer',
      home: 'aws',
      // Builds the trainer's image; of the version that SST itself brings.
      providers: { 'docker-build': '0.0.14' },
      removal: production ? 'retain' : 'remove',
      protect: production,
    };
  },
  // SST wants no imports at the top of this file: the globals of infra/ exist only once it runs.
  async run() {
    const { bucket } = await import('./infra/artifacts.ts');
    const { router } = await import('./infra/router.ts');
    await import('./infra/predict.ts');
    await import('./infra/batches.ts');
    await import('./infra/alarms.ts');
    const { training } = await import('./infra/training.ts');
    return { store: $interpolate`s3://${bucket.name}`, url: router.url, ...training };
  },
});
