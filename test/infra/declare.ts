/**
 * What `sst deploy` would create: the real sst.config.ts with SST's own components, run in a process where Pulumi's engine is
 * replaced by recorders. Needs what `npm run check:infra` unpacks into .sst/platform.
 */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { resolve } from 'node:path';
import { promisify } from 'node:util';
import { build } from 'esbuild';

export interface Resource {
  /** Such as `aws:s3/bucket:Bucket`. */
  type: string;
  name: string;
  inputs: Record<string, unknown>;
}

const platform = resolve('.sst/platform');
export const platformFound = existsSync(`${platform}/node_modules/@pulumi/aws`);

export async function declare(stage: string, env: Record<string, string> = {}): Promise<Resource[]> {
  const outfile = `${platform}/veneer-${process.pid}-${stage}.mjs`;
  try {
    await build({
      stdin: { contents: program(stage), resolveDir: process.cwd(), loader: 'ts' },
      ...{ outfile, bundle: true, platform: 'node', format: 'esm', target: 'node20', logLevel: 'error' },
      packages: 'external',
      banner: {
        js: "import{createRequire as requireFrom}from'node:module';const require=requireFrom(import.meta.url);",
      },
    });
    const { stdout } = await promisify(execFile)(process.execPath, [outfile], {
      cwd: process.cwd(),
      maxBuffer: 1 << 26,
      env: { PATH: process.env.PATH, AWS_REGION: 'us-east-1', AWS_EC2_METADATA_DISABLED: 'true', ...env },
    });
    return JSON.parse(stdout.slice(stdout.lastIndexOf('\n[') + 1));
  } finally {
    await rm(outfile, { force: true });
  }
}

function program(stage: string): string {
  return `
import { createServer } from 'node:http';
import * as util from '@pulumi/pulumi';
import * as aws from '@pulumi/aws';
const resources = [];
util.runtime.setMocks({
  newResource({ type, name, inputs }) {
    resources.push({ type, name, inputs });
    const state = { ...inputs, arn: 'arn:aws:mock:::' + name, name: inputs.name ?? name, bucket: inputs.bucket ?? name.toLowerCase() };
    return { id: name + '-id', state: { ...state, functionUrl: 'https://' + name + '.lambda-url/', domainName: name + '.net', digest: 'sha256:0123', repositoryUrl: 'ecr.mock/' + name.toLowerCase() } };
  },
  call({ token, inputs }) {
    if (token.endsWith('getPolicyDocument')) return { ...inputs, json: JSON.stringify(inputs) };
    if (token.endsWith('getRegion')) return { region: 'us-east-1', name: 'us-east-1', id: 'us-east-1' };
    if (token.endsWith('getPartition')) return { partition: 'aws' };
    if (token.endsWith('getCallerIdentity')) return { accountId: '123456789012' };
    if (token.endsWith('getAvailabilityZones')) return { names: ['a', 'b', 'c'], zoneIds: ['1', '2', '3'] };
    if (token.endsWith('getAuthorizationToken')) return { userName: 'AWS', password: 'mock' };
    return inputs;
  },
}, 'veneer', ${JSON.stringify(stage)}, false);
// What SST's components ask the SST process for.
const answers = { errors: [], sourcemaps: [], handler: 'lambda.handler', out: process.cwd() + '/.sst/veneer-function', asset: 'assets', state: 'state', assetEcrUrl: 'ecr', assetEcrRegistryId: 'ecr' };
const server = createServer((request, response) => response.end(JSON.stringify({ result: answers })));
await new Promise(done => server.listen(0, '127.0.0.1', done));
process.env.SST_SERVER = 'http://127.0.0.1:' + server.address().port;
const root = process.cwd();
Object.assign(globalThis, {
  aws, $util: util, $output: util.output, $resolve: util.all, $interpolate: util.interpolate,
  $jsonStringify: util.jsonStringify, $jsonParse: util.jsonParse, $concat: util.concat, $asset: x => x, $dev: false, $secrets: {},
  $cli: { command: 'deploy', rpc: '', env: {}, paths: { root, work: root + '/.sst', platform: root + '/.sst/platform', home: root + '/.sst' }, state: { version: {} } },
  $app: { name: 'veneer', stage: ${JSON.stringify(stage)}, removal: 'remove', providers: { aws: {} }, home: 'aws', protect: false },
  $config: config => config,
});
globalThis.dockerbuild = await import('@pulumi/docker-build');
globalThis.sst = await import(${JSON.stringify(`${platform}/src/components/index.ts`)});
await util.runtime.runInPulumiStack(async () => {
  const { default: config } = await import('./sst.config.ts');
  return config.run();
});
await util.runtime.waitForRPCs?.();
for (let seen = -1; seen !== resources.length; ) {
  seen = resources.length;
  await new Promise(done => setTimeout(done, 1500));
}
const plain = (_key, value) => (value instanceof util.asset.FileArchive || value instanceof util.asset.FileAsset ? value.path : value);
process.stdout.write('\\n' + JSON.stringify(resources, plain), () => process.exit(0));
`;
}
