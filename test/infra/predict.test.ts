/** What infra/ declares, with SST's globals replaced by recorders, and the Lambda package that follows from it, run. */
import { execFileSync } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build } from 'esbuild';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';

interface FunctionArgs {
  handler: string;
  architecture: string;
  environment: Record<string, string>;
  copyFiles: { from: string; to?: string }[];
  nodejs: { loader: Record<string, 'text'>; esbuild: { external: string[] } };
  link: { include: { actions: string[]; resources: string[] }[] }[];
  permissions?: unknown;
}

/** A resource that keeps what it was declared with; `bucket.arn` and the like read as their own name. */
function recorder(kind: string) {
  return class {
    constructor(name: string, args: object) {
      Object.assign(this, { name: `${name}.name`, arn: `${name}.arn` }, args);
      declared.push({ kind, name, args });
    }
  };
}
const declared: { kind: string; name: string; args: object }[] = [];
const argsOf = <T>(kind: string) => declared.find(resource => resource.kind === kind)?.args as T;

beforeAll(async () => {
  vi.stubGlobal('$interpolate', String.raw);
  vi.stubGlobal('$app', { name: 'veneer', stage: 'test' });
  vi.stubGlobal('sst', {
    Linkable: recorder('link'),
    aws: { Bucket: recorder('bucket'), Function: recorder('function'), permission: (args: object) => args },
  });
  vi.stubGlobal('aws', {
    s3: {
      BucketServerSideEncryptionConfiguration: recorder('encryption'),
      BucketLifecycleConfiguration: recorder('lifecycle'),
    },
  });
  // Not a literal, so that the type check of the tests does not need SST's types; `npm run check:infra` has them.
  const file = '../../infra/predict.ts';
  await import(file);
});
afterAll(() => vi.unstubAllGlobals());

describe('the artifact bucket', () => {
  it('is private, versioned, encrypted, and takes HTTPS alone', () => {
    const bucket = argsOf<Record<string, unknown>>('bucket');
    expect(bucket).toMatchObject({ versioning: true, enforceHttps: true });
    for (const opening of ['access', 'public', 'policy', 'cors']) expect(bucket).not.toHaveProperty(opening);
    expect(argsOf('encryption')).toMatchObject({ bucket: 'Artifacts.name' });
  });
});

describe('the prediction function', () => {
  it('may read artifacts and list the bucket, and nothing else', () => {
    const { link, permissions } = argsOf<FunctionArgs>('function');
    expect(permissions).toBeUndefined();
    expect(link.flatMap(({ include }) => include)).toEqual([
      { actions: ['s3:GetObject'], resources: ['Artifacts.arn/bases/*', 'Artifacts.arn/tenants/*'] },
      { actions: ['s3:ListBucket'], resources: ['Artifacts.arn'] },
    ]);
  });

  it('serves a named base from the bucket', () => {
    expect(argsOf<FunctionArgs>('function').environment).toEqual({
      VENEER_STORE: 's3://Artifacts.name',
      VENEER_BASE: expect.stringMatching(/./),
      VENEER_WORKERS: '0',
    });
  });

  it('answers from its package alone, which is under 60 MB', async () => {
    const { handler, architecture, copyFiles, nodejs } = argsOf<FunctionArgs>('function');
    const folder = mkdtempSync(join(tmpdir(), 'veneer-lambda-'));
    try {
      await build({
        entryPoints: [handler.replace(/\.handler$/, '.ts')],
        ...{ bundle: true, minify: true, platform: 'node', format: 'esm', target: 'esnext' },
        mainFields: ['module', 'main'],
        loader: nodejs.loader,
        external: nodejs.esbuild.external,
        banner: { js: "import{createRequire}from'module';const require=createRequire(import.meta.url);" },
        outfile: join(folder, 'lambda.mjs'),
      });
      for (const { from, to = from } of copyFiles) {
        cpSync(from, join(folder, to), { recursive: true });
        // This machine's binary besides: the function's own may be for another processor.
        const here = (path: string) =>
          path.replace(`linux/${architecture}`, `${process.platform}/${process.arch}`);
        if (here(from) !== from) cpSync(here(from), join(folder, here(to)), { recursive: true });
      }
      writeFileSync(join(folder, 'ask.mjs'), ask);
      const output = execFileSync(process.execPath, ['ask.mjs'], {
        cwd: folder,
        stdio: ['ignore', 'pipe', 'pipe'],
        encoding: 'utf8',
        env: { PATH: process.env.PATH, VENEER_STORE: 's3://bucket', AWS_REGION: 'us-east-1' },
      });
      expect(JSON.parse(output)).toEqual({
        ...{ statusCode: 200, body: '{"status":"ok"}', session: 'function' },
        pages: [200, 200, 200, 200],
      });
      const kilobytes = copyFiles.map(({ from }) => execFileSync('du', ['-sk', from], { encoding: 'utf8' }));
      expect(kilobytes.reduce((sum, line) => sum + Number.parseInt(line, 10), 0)).toBeLessThan(60_000);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

/** As AWS Lambda calls a function behind a function URL (payload format 2.0). */
const ask = `
import { handler } from './lambda.mjs';
import { InferenceSession } from 'onnxruntime-node';
const event = {
  version: '2.0', routeKey: '$default', rawPath: '/healthz', rawQueryString: '', headers: { host: 'localhost' },
  requestContext: { http: { method: 'GET', path: '/healthz', sourceIp: '127.0.0.1' }, domainName: 'localhost' },
  isBase64Encoded: false,
};
const { statusCode, body } = await handler(event, {});
const pages = [];
for (const rawPath of ['/playground', '/docs', '/docs/swagger-ui-bundle.js', '/docs/swagger-ui.css']) {
  const requestContext = { ...event.requestContext, http: { ...event.requestContext.http, path: rawPath } };
  pages.push((await handler({ ...event, rawPath, requestContext }, {})).statusCode);
}
console.log(JSON.stringify({ statusCode, body, pages, session: typeof InferenceSession.create }));
`;
