import { describe, expect, it } from 'vitest';
import { costs, type Load } from '../../infra/cost-model.ts';

/** Round numbers, to be worked out by hand. */
const prices = {
  date: '2000-01-01',
  lambda: { gbSecond: { arm64: 1e-5, x86_64: 2e-5 }, request: 1e-6 },
  cloudFront: { request: 0, gb: 0 },
  logs: { gb: 0 },
  s3: { get: 1e-6, put: 0, gbMonth: 0.1 },
  endpoints: { cpu: { instance: 'c', hour: 0.1 }, gpu: { instance: 'g', hour: 1 } },
};
const load: Load = {
  ...{
    requests: 2e6,
    tenants: 10,
    ms: 10,
    coldShare: 0,
    coldMs: 1000,
    memoryMb: 2048,
    architecture: 'arm64',
  },
  ...{ gpuRequestsPerSecond: 100, peak: 1, storedBytes: 0 },
};

describe('the cost of a month', () => {
  it('is on Lambda the requests and their gigabyte-seconds', () => {
    // 2e6 x (1e-6 + 0.01 s x 2 GB x 1e-5) = 2 + 0.4
    expect(costs(load, prices).lambda.month).toBeCloseTo(2.4, 10);
    expect(costs(load, prices).lambda.perMillion).toBeCloseTo(1.2, 10);
    expect(costs({ ...load, architecture: 'x86_64' }, prices).lambda.month).toBeCloseTo(2.8, 10);
  });

  it('counts cold starts: their time, which is billed, and what they read', () => {
    // A tenth of the requests: 100 ms each on average = 2e6 x 0.1 x 2 x 1e-5 = 4, and 2e6 x 0.1 x 4 reads x 1e-6 = 0.8
    expect(costs({ ...load, coldShare: 0.1 }, prices).lambda.month).toBeCloseTo(2.4 + 4 + 0.8, 10);
  });

  it('counts what stands before the function, what it logs, and the write of its usage', () => {
    const gb = 2 ** 30 / 1e6; // so that the 1000 bytes of a request cost a thousandth
    const more = {
      ...prices,
      s3: { ...prices.s3, put: 4e-6 },
      cloudFront: { request: 1e-6, gb },
      logs: { gb: 2 * gb },
    };
    expect(costs(load, more).lambda.month).toBeCloseTo(2.4 + 2 + 8 + 2e6 * 3e-3, 6);
  });

  it('is idle nothing but storage on Lambda, and everything with an endpoint a tenant', () => {
    const { lambda, endpointPerTenant, gpuEndpoint } = costs({ ...load, storedBytes: 10 * 2 ** 30 }, prices);
    expect(lambda.idle).toBeCloseTo(1, 10);
    expect(endpointPerTenant.idle).toBeCloseTo(10 * 0.1 * 730 + 1, 10);
    expect(endpointPerTenant.month).toBe(endpointPerTenant.idle);
    expect(gpuEndpoint.idle).toBeCloseTo(731, 10);
  });

  it('takes more GPUs once the busiest second needs them', () => {
    // 730 h x 3600 s x 150 a second
    const busy = { ...load, requests: 730 * 3600 * 150 };
    expect(costs(busy, prices).gpuEndpoint.month).toBeCloseTo(2 * 730, 6);
    expect(costs({ ...busy, peak: 3 }, prices).gpuEndpoint.month).toBeCloseTo(5 * 730, 6);
  });
});
