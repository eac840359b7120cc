import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Serving, serving } from './tenants.ts';

let world: Serving;
let document: any;
beforeAll(async () => {
  world = await serving();
  const response = await world.app.request('/openapi.json');
  expect(response.status).toBe(200);
  document = await response.json();
});
afterAll(() => world.remove());

const operations = () =>
  Object.entries<any>(document.paths).flatMap(([path, methods]) =>
    Object.entries<any>(methods).map(([method, operation]) => ({ path, method, operation })),
  );

/** Every value under a `$ref`, wherever it is. */
function references(value: unknown): string[] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, inner]) =>
    key === '$ref' && typeof inner === 'string' ? [inner] : references(inner),
  );
}

describe('the OpenAPI document', () => {
  it('is of version 3.1 and has the routes that the app has', () => {
    expect(document.openapi).toBe('3.1.0');
    const documented = operations().map(({ path, method }) => `${method.toUpperCase()} ${path}`);
    const served = world.app.routes
      // Middleware is registered under paths that end in a star.
      .filter(({ path }) => !path.endsWith('*'))
      .map(({ method, path }) => `${method} ${path.replace(/:([^/]+)/g, '{$1}')}`);
    expect(documented.sort()).toEqual([...new Set(served)].sort());
    expect(documented).toContain('POST /models/{adapter}');
  });

  it('resolves every reference', () => {
    const found = references(document);
    expect(found.length).toBeGreaterThan(10);
    for (const reference of found) {
      const target = reference
        .replace(/^#\//, '')
        .split('/')
        .reduce<any>((node, step) => node?.[step], document);
      expect(target, reference).toBeTypeOf('object');
    }
  });

  it('shows a problem for every status that is not 200', () => {
    for (const { path, operation } of operations()) {
      expect(Object.keys(operation.responses), path).toContain('200');
      for (const [status, response] of Object.entries<any>(operation.responses)) {
        expect(response.headers['x-request-id'], `${path} ${status}`).toBeTypeOf('object');
        const [[type, { schema }]] = Object.entries<any>(response.content) as [[string, any]];
        if (status === '200') expect(type).toBe('application/json');
        else {
          expect(type).toBe('application/problem+json');
          expect(schema).toEqual({ $ref: '#/components/schemas/Problem' });
        }
      }
    }
  });

  it('documents for a prediction each status that it may answer', () => {
    const statuses = ['200', '400', '401', '403', '404', '409', '413', '422', '500', '503'];
    for (const path of [
      '/v1/classification',
      '/v1/sequence-labeling',
      '/v1/question-answering',
      '/models/{adapter}',
    ]) {
      const { post } = document.paths[path];
      expect(Object.keys(post.responses).sort()).toEqual(statuses);
      expect(post.responses['200'].headers['x-adapter-digest']).toBeTypeOf('object');
      expect(post.security).toEqual([{ bearer: [] }]);
      expect(post.requestBody.required).toBe(true);
    }
    expect(document.components.securitySchemes.bearer).toMatchObject({ type: 'http', scheme: 'bearer' });
  });

  it('names every path parameter', () => {
    for (const { path, operation } of operations()) {
      const inPath = [...path.matchAll(/\{(.+?)\}/g)].map(([, name]) => name);
      const parameters = (operation.parameters ?? []).filter((p: any) => p.in === 'path');
      expect(parameters.map((p: any) => p.name)).toEqual(inPath);
    }
  });

  it('shows the limits and the fields of a request', () => {
    const { schema } = document.paths['/v1/classification'].post.requestBody.content['application/json'];
    expect(schema.required).toEqual(['model', 'inputs']);
    expect(schema.additionalProperties).toBe(false);
    const { ClassificationInputs, ClassificationInput } = document.components.schemas;
    expect(JSON.stringify(ClassificationInputs)).toContain('"maxItems":4');
    expect(JSON.stringify(ClassificationInput)).toContain('"maxLength":400');
    const { inputs } =
      document.paths['/models/{adapter}'].post.requestBody.content['application/json'].schema.properties;
    expect(inputs.anyOf).toHaveLength(3);
  });
});
