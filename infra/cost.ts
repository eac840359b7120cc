/** `npm run cost -- --requests 1000000 --tenants 500`: what a month costs, three ways. The formula is in cost-model.ts. */
import { fail, readArguments } from './arguments.ts';
import { costs, type Load } from './cost-model.ts';
import { prices } from './prices.ts';

/** Times as measured for the README: bench http, and the cold starts of test/lambda/emulator.test.ts. */
const defaults = {
  requests: '1000000',
  tenants: '100',
  ms: '7',
  'cold-share': '0.01',
  'cold-ms': '800',
  memory: '2048',
  architecture: 'arm64',
  'gpu-rps': '1000',
  peak: '10',
};

const usage = `options: ${Object.keys(defaults)
  .map(name => `--${name}`)
  .join(' ')}`;

function readLoad(): Load {
  const options = Object.fromEntries(
    Object.entries(defaults).map(([name, value]) => [name, { type: 'string' as const, default: value }]),
  );
  const values: Record<string, unknown> = readArguments({ options }, usage).values;
  const number = (name: keyof typeof defaults) => {
    const value = Number(values[name]);
    if (!(value > 0 && Number.isFinite(value)))
      fail(`--${name} ${values[name]}: write a number over 0`, usage);
    return value;
  };
  const { architecture } = values;
  if (architecture !== 'arm64' && architecture !== 'x86_64') fail('--architecture is arm64 or x86_64', usage);
  const tenants = number('tenants');
  return {
    requests: number('requests'),
    tenants,
    ms: number('ms'),
    coldShare: number('cold-share'),
    coldMs: number('cold-ms'),
    memoryMb: number('memory'),
    architecture,
    gpuRequestsPerSecond: number('gpu-rps'),
    peak: number('peak'),
    // MiniLM-L6 with its training weights, and 80 kB for an adapter of rank 8 on q and v.
    storedBytes: 120e6 + tenants * 80e3,
  };
}

const load = readLoad();
const usd = (value: number) => `$${value.toFixed(2)}`;
const { cpu, gpu } = prices.endpoints;
const { lambda, endpointPerTenant, gpuEndpoint } = costs(load, prices);
const rows = {
  'Lambda, all tenants in one function': lambda,
  [`${load.tenants} endpoints, one a tenant, ${cpu.instance}`]: endpointPerTenant,
  [`GPU endpoint for all, ${gpu.instance}`]: gpuEndpoint,
};
console.table(
  Object.fromEntries(
    Object.entries(rows).map(([name, { month, perMillion, idle }]) => [
      name,
      { 'a month': usd(month), 'a million predictions': usd(perMillion), 'a month of nothing': usd(idle) },
    ]),
  ),
);
process.stdout.write(
  `list prices of ${prices.date}, us-east-1; ${load.requests} predictions a month of ${load.ms} ms\n`,
);
