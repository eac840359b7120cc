/** What a month of predictions costs: one Lambda function for all tenants, an endpoint for each, or a GPU endpoint for all. */
import type { prices as listed } from './prices.ts';

export interface Load {
  /** A month. */
  requests: number;
  tenants: number;
  /** Billed milliseconds of a warm request. */
  ms: number;
  /** Share of requests that start an execution environment, and the milliseconds this adds: INIT is billed as well. */
  coldShare: number;
  coldMs: number;
  memoryMb: number;
  architecture: 'arm64' | 'x86_64';
  /** Requests a second that one GPU instance answers. */
  gpuRequestsPerSecond: number;
  /** Busiest second over average second. */
  peak: number;
  /** Bytes of the artifacts in S3: bases, and an adapter for each tenant. */
  storedBytes: number;
}

export interface Costs {
  /** USD a month. */
  month: number;
  /** USD for a million predictions at this load. */
  perMillion: number;
  /** USD a month if nobody asks. */
  idle: number;
}

const hoursPerMonth = 730;
/** A key record, an alias, a manifest, an adapter file: what a request reads that finds nothing in memory. */
const getsOfColdRequest = 4;
/** The one write of a request counts its usage. What leaves with an answer, and Lambda's own log lines of a request. */
const answerGb = 1_000 / 2 ** 30;
const logGb = 1_000 / 2 ** 30;

export function costs(
  load: Load,
  prices: typeof listed,
): Record<'lambda' | 'endpointPerTenant' | 'gpuEndpoint', Costs> {
  const { requests, tenants, storedBytes } = load;
  const storage = (storedBytes / 2 ** 30) * prices.s3.gbMonth;
  const seconds = (load.ms + load.coldShare * load.coldMs) / 1000;
  const request =
    prices.lambda.request +
    prices.cloudFront.request +
    prices.s3.put +
    answerGb * prices.cloudFront.gb +
    logGb * prices.logs.gb +
    seconds * (load.memoryMb / 1024) * prices.lambda.gbSecond[load.architecture] +
    load.coldShare * getsOfColdRequest * prices.s3.get;
  const peakPerSecond = (requests / (hoursPerMonth * 3600)) * load.peak;
  const gpus = Math.max(1, Math.ceil(peakPerSecond / load.gpuRequestsPerSecond));
  const standing = (instances: number, hour: number) => instances * hour * hoursPerMonth;
  const of = (month: number, idle: number): Costs => ({ month, perMillion: (month / requests) * 1e6, idle });
  const cpuFleet = standing(tenants, prices.endpoints.cpu.hour) + storage;
  return {
    lambda: of(requests * request + storage, storage),
    endpointPerTenant: of(cpuFleet, cpuFleet),
    gpuEndpoint: of(
      standing(gpus, prices.endpoints.gpu.hour) + storage,
      standing(1, prices.endpoints.gpu.hour) + storage,
    ),
  };
}
