/** What the pages for people are sent with, and what a path answers to a method that it lacks. */
import { createHash } from 'node:crypto';
import { gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it, test } from 'vitest';
import { type Serving, serving } from './tenants.ts';

let world: Serving;
beforeAll(async () => {
  world = await serving();
});
afterAll(() => world.remove());

const files = [
  ['/playground', 'text/html; charset=utf-8'],
  ['/docs', 'text/html; charset=utf-8'],
  ['/docs/start.js', 'text/javascript; charset=utf-8'],
  ['/docs/swagger-ui-bundle.js', 'text/javascript; charset=utf-8'],
  ['/docs/swagger-ui.css', 'text/css; charset=utf-8'],
];

describe.each(files)('%s', (path, type) => {
  it('needs no key and says its type, its version and its policy', async () => {
    const { status, headers } = await world.app.request(path);
    expect(status).toBe(200);
    expect(headers.get('content-type')).toBe(type);
    expect(headers.get('x-content-type-options')).toBe('nosniff');
    expect(headers.get('x-request-id')).toBeTruthy();
    const policy = headers.get('content-security-policy')!.split('; ');
    expect(policy).toEqual(
      expect.arrayContaining(["default-src 'none'", "frame-ancestors 'none'", "base-uri 'none'"]),
    );
    expect(policy.join(' ')).not.toMatch(/unsafe|https?:|\*/);
  });

  it('is the same bytes with gzip and without, and 304 to whoever has them', async () => {
    const plain = await world.app.request(path);
    const zipped = await world.app.request(path, { headers: { 'accept-encoding': 'br, gzip' } });
    expect([plain, zipped].map(({ headers }) => headers.get('content-encoding'))).toEqual([null, 'gzip']);
    const bytes = Buffer.from(await plain.arrayBuffer());
    expect(gunzipSync(await zipped.arrayBuffer()).equals(bytes)).toBe(true);
    const etag = plain.headers.get('etag')!;
    expect(etag).toBe(zipped.headers.get('etag'));
    for (const known of [etag, `W/${etag}`, `"other", ${etag}`]) {
      const again = await world.app.request(path, { headers: { 'if-none-match': known } });
      expect([again.status, await again.text(), again.headers.get('etag')]).toEqual([304, '', etag]);
    }
    expect((await world.app.request(path, { headers: { 'if-none-match': '"other"' } })).status).toBe(200);
  });

  it('answers HEAD without a body', async () => {
    const response = await world.app.request(path, { method: 'HEAD' });
    expect([response.status, await response.text()]).toEqual([200, '']);
  });
});

test('the playground is one page: its policy has the hashes of its own script and style, and it loads nothing', async () => {
  const response = await world.app.request('/playground');
  const page = await response.text();
  const policy = response.headers.get('content-security-policy')!;
  for (const tag of ['script', 'style']) {
    const texts = [...page.matchAll(new RegExp(`<${tag}[^>]*>([^]*?)</${tag}>`, 'g'))].map(
      ([, text]) => text!,
    );
    expect(texts).toHaveLength(1);
    expect(policy).toContain(
      `${tag}-src 'sha256-${createHash('sha256').update(texts[0]!).digest('base64')}'`,
    );
  }
  expect(page).not.toMatch(/\s(?:src|style|on[a-z]+)=|https?:|@import|url\(/);
});

describe('a method that a path lacks', () => {
  const allowedOf = async (method: string, path: string) => {
    const response = await world.app.request(path, {
      method,
      headers: { authorization: `Bearer ${world.key}` },
    });
    return [response.status, response.headers.get('allow')];
  };

  it.each([
    ['DELETE', '/healthz', 'GET, HEAD'],
    ['POST', '/docs', 'GET, HEAD'],
    ['POST', '/v1/adapters', 'GET, HEAD'],
    ['PATCH', '/v1/adapters/support', 'GET, HEAD, DELETE'],
    ['POST', '/v1/adapters/support/versions', 'PUT'],
    ['GET', '/v1/classification', 'POST'],
    ['PUT', '/models/support', 'POST'],
    ['OPTIONS', '/predict', 'POST'],
  ])('%s %s gets 405 and the methods that are', async (method, path, allow) => {
    expect(await allowedOf(method, path)).toEqual([405, allow]);
  });

  it('of a path that is not there is 404', async () => {
    expect(await allowedOf('DELETE', '/v1/nothing')).toEqual([404, null]);
    expect(await allowedOf('GET', '/docs/nothing.js')).toEqual([404, null]);
  });
});
