/**
 * List prices in USD in us-east-1, on demand, without free tier and discounts, as known at `date`; to be
 * compared with aws.amazon.com/lambda/pricing, /s3, /cloudfront, /cloudwatch and /sagemaker (real-time inference).
 */
export const prices = {
  date: '2026-11-25',
  lambda: {
    /** A GB for a second. */
    gbSecond: { arm64: 0.0000133334, x86_64: 0.0000166667 },
    request: 0.2 / 1e6,
  },
  cloudFront: { request: 1 / 1e6, gb: 0.085 },
  /** Taking in logs. */
  logs: { gb: 0.5 },
  s3: { get: 0.4 / 1e6, put: 5 / 1e6, gbMonth: 0.023 },
  /** An hour of one instance. */
  endpoints: {
    cpu: { instance: 'ml.c5.large', hour: 0.102 },
    gpu: { instance: 'ml.g5.xlarge', hour: 1.408 },
  },
};
