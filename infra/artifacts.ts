/** Where every artifact lives: bases, adapters, keys. Private, encrypted, and with earlier versions kept for a while. */

export const bucket = new sst.aws.Bucket('Artifacts', {
  versioning: true,
  enforceHttps: true,
  cors: false,
  transform: {
    bucket: (_args, options) => {
      // Adapters cannot be trained again to the same bytes on other hardware.
      options.protect = $app.stage === 'production';
    },
  },
});

new aws.s3.BucketServerSideEncryptionConfiguration('ArtifactsEncryption', {
  bucket: bucket.name,
  rules: [{ applyServerSideEncryptionByDefault: { sseAlgorithm: 'AES256' } }],
});

/** Only aliases and key records are ever rewritten; what they replace is kept 30 days. */
new aws.s3.BucketLifecycleConfiguration(
  'ArtifactsLifecycle',
  {
    bucket: bucket.name,
    rules: [
      {
        id: 'replaced-objects',
        status: 'Enabled',
        filter: {},
        noncurrentVersionExpiration: { noncurrentDays: 30 },
        expiration: { expiredObjectDeleteMarker: true },
        abortIncompleteMultipartUpload: { daysAfterInitiation: 7 },
      },
    ],
  },
  { dependsOn: bucket },
);

/** Linking this lets a function read artifacts; linking the bucket itself would allow `s3:*`. */
export const readableArtifacts = new sst.Linkable('ReadableArtifacts', {
  properties: { store: $interpolate`s3://${bucket.name}` },
  include: [
    sst.aws.permission({
      actions: ['s3:GetObject'],
      resources: [$interpolate`${bucket.arn}/bases/*`, $interpolate`${bucket.arn}/tenants/*`],
    }),
    // Without it S3 answers 403, not 404, for a key that is not there.
    sst.aws.permission({ actions: ['s3:ListBucket'], resources: [bucket.arn] }),
  ],
});

/** What every answer counts: usage and rate limits, never an adapter, an alias or a key. */
export const writableCounts = new sst.Linkable('WritableCounts', {
  properties: {},
  include: [
    sst.aws.permission({
      actions: ['s3:PutObject'],
      resources: ['usage', 'limits'].map(kind => $interpolate`${bucket.arn}/tenants/*/${kind}/*`),
    }),
  ],
});

/** What batches write: their documents, files and markers. */
export const writableBatches = new sst.Linkable('WritableBatches', {
  properties: {},
  include: [
    sst.aws.permission({ actions: ['s3:GetObject'], resources: [$interpolate`${bucket.arn}/batches/*`] }),
    sst.aws.permission({
      actions: ['s3:PutObject', 's3:DeleteObject'],
      resources: ['batches/*', 'tenants/*/batches/*', 'tenants/*/batch-files/*'].map(
        keys => $interpolate`${bucket.arn}/${keys}`,
      ),
    }),
  ],
});
