import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Serving, serving } from './tenants.ts';

interface Operation {
  parameters?: { name: string; in: string }[];
  security?: object[];
  requestBody?: { required: boolean; content: Record<string, { schema: Schema }> };
  responses: Record<string, { headers: object; content: Record<string, { schema: Schema }> }>;
}

interface Schema {
  required?: string[];
  additionalProperties?: boolean;
  properties?: Record<string, Schema>;
  anyOf?: Schema[];
}

interface Document {
  openapi: string;
  paths: Record<string, Record<string, Operation>>;
  components: { schemas: Record<string, Schema>; securitySchemes: Record<string, object> };
}

let world: Serving;
let document: Document;
beforeAll(async () => {
  world = await serving();
  const response = await world.app.request('/openapi.json');
  expect(response.status).toBe(200);
  document = (await response.json()) as Document;
});
afterAll(() => world.remove());

const operations = () =>
  Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ path, method, operation })),
  );

const bodyOf = (path: string) => document.paths[path]!.post!.requestBody!.content['application/json']!;

/** Every value under a `$ref`, wherever it is. */
function references(value: unknown): string[] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, inner]) =>
    key === '$ref' && typeof inner === 'string' ? [inner] : references(inner),
  );
}

describe('the OpenAPI document', () => {
  it('is of version 3.1 and has the routes that the app has, besides pages for people', () => {
    expect(document.openapi).toBe('3.1.0');
    const documented = operations().map(({ path, method }) => `${method.toUpperCase()} ${path}`);
    const served = world.app.routes
      // Middleware is registered under paths that end in a star.
      .filter(({ path }) => !path.endsWith('*') && !/^\/(docs|playground)(\/|$)/.test(path))
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
        .reduce<unknown>((node, step) => (node as Record<string, unknown> | undefined)?.[step], document);
      expect(target, reference).toBeTypeOf('object');
    }
  });

  it('shows a problem for every status but success', () => {
    for (const { path, operation } of operations()) {
      expect(Object.keys(operation.responses), path).toContain('200');
      for (const [status, response] of Object.entries(operation.responses)) {
        expect(response.headers, `${path} ${status}`).toHaveProperty(['x-request-id']);
        expect(Object.keys(response.content)).toHaveLength(1);
        const [type, { schema }] = Object.entries(response.content)[0]!;
        if (['200', '201', '202'].includes(status))
          expect(type).toBe(path.endsWith('/results') ? 'application/jsonl' : 'application/json');
        else {
          expect(type).toBe('application/problem+json');
          expect(schema).toEqual({ $ref: '#/components/schemas/Problem' });
        }
      }
    }
  });

  it('documents for a prediction each status that it may answer', () => {
    const statuses = ['200', '400', '401', '403', '404', '409', '413', '422', '429', '500', '503'];
    for (const path of [
      '/v1/classification',
      '/v1/sequence-labeling',
      '/v1/question-answering',
      '/models/{adapter}',
      '/models/{adapter}/predict',
      '/predict',
    ]) {
      const { post } = document.paths[path] as { post: Operation };
      expect(Object.keys(post.responses).sort()).toEqual(statuses);
      for (const header of ['x-adapter-digest', 'x-compute-tokens', 'x-compute-windows'])
        expect(post.responses['200']?.headers).toHaveProperty([header]);
      expect(post.security).toEqual([{ bearer: [] }]);
      expect(post.requestBody?.required).toBe(true);
    }
    expect(document.components.securitySchemes.bearer).toMatchObject({ type: 'http', scheme: 'bearer' });
  });

  it('names every path parameter', () => {
    for (const { path, operation } of operations()) {
      const inPath = [...path.matchAll(/\{(.+?)\}/g)].map(([, name]) => name);
      const parameters = (operation.parameters ?? []).filter(p => p.in === 'path');
      expect(parameters.map(p => p.name)).toEqual(inPath);
    }
  });

  it('shows the limits and the fields of a request', () => {
    const { schema } = bodyOf('/v1/classification');
    expect(schema.required).toEqual(['model', 'inputs']);
    expect(schema.additionalProperties).toBe(false);
    const { ClassificationInputs, ClassificationInput } = document.components.schemas;
    expect(JSON.stringify(ClassificationInputs)).toContain('"maxItems":4');
    expect(JSON.stringify(ClassificationInput)).toContain('"maxLength":400');
    const huggingFace = bodyOf('/models/{adapter}').schema;
    expect(huggingFace.required).toEqual(['inputs']);
    expect(huggingFace.properties?.inputs?.anyOf).toHaveLength(3);
    expect(huggingFace.properties?.parameters?.anyOf).toHaveLength(4);
    const { QuestionAnsweringPipelineParameters: parameters } = document.components.schemas;
    expect(Object.keys(parameters!.properties!)).toEqual([
      'top_k',
      'max_answer_len',
      'handle_impossible_answer',
      'align_to_words',
      'max_seq_len',
      'doc_stride',
      'max_question_len',
    ]);
  });

  it('shows that of several inputs each may be refused by itself', () => {
    const { schema } =
      document.paths['/v1/classification']!.post!.responses['200']!.content['application/json']!;
    expect(references(schema)).toContain('#/components/schemas/RefusedInput');
    expect(references(document.components.schemas.ClassificationInputs)).toEqual([
      '#/components/schemas/ClassificationInput',
      '#/components/schemas/ClassificationInput',
    ]);
  });
});
