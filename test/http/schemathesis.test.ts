/**
 * schemathesis asks a live server what its own OpenAPI document allows, and what that forbids: no answer may be a 500 or
 * undocumented. VENEER_SCHEMATHESIS is the program where it is not on the PATH, VENEER_SCHEMATHESIS_CASES its cases a route.
 */
import { spawn, spawnSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { tasks } from '../../functions/artifacts/names.ts';
import { type PipelineServer, startPipelineServer } from '../golden/pipelines-server.ts';

const program = process.env.VENEER_SCHEMATHESIS || 'schemathesis';
const casesPerRoute = process.env.VENEER_SCHEMATHESIS_CASES || '10';
const seed = process.env.VENEER_SCHEMATHESIS_SEED || '1';
const found = spawnSync(program, ['--version'], { encoding: 'utf8' }).status === 0;
if (!found) console.warn('schemathesis is not there: pip install schemathesis, or set VENEER_SCHEMATHESIS');

interface Operation {
  parameters?: { name: string; schema: object }[];
  requestBody?: {
    content: { 'application/json'?: { schema: { properties: Record<string, object> } } };
  };
}
interface Document {
  paths: Record<string, Record<'get' | 'post', Operation>>;
  // biome-ignore lint/suspicious/noExplicitAny: JSON Schema, looked into at places that are known
  components: { schemas: Record<string, any> };
}

/**
 * What its checks take besides what they do by themselves: what is too large is not read, good or bad, and bytes that were
 * made up are no adapter.
 */
const configuration = `
[checks.negative_data_rejection]
expected-statuses = [400, 401, 403, 404, 405, 406, 409, 413, 415, 422, 428, 429, "5xx"]

[[operations]]
include-name = "PUT /v1/adapters/{name}/versions"
[operations.checks.positive_data_acceptance]
expected-statuses = ["2xx", 401, 403, 404, 409, 422, 429, "5xx"]
`;
/** Tokens that the base of the server reads at once. */
const maxPositions = 64;

/** With lines as text: schemathesis can write no JSONL. */
function withTextLines(document: Document): Document {
  return JSON.parse(
    JSON.stringify(document).replace('"content":{"application/jsonl"', '"content":{"text/plain"'),
  ) as Document;
}

/** The document for someone who asks adapters that are there, each for what its task takes. */
function withRealAdapters({ paths, ...rest }: Document): Document {
  const { components } = structuredClone(rest);
  const { schemas } = components;
  schemas.QuestionAnsweringPipelineParameters.properties.max_seq_len.maximum = maxPositions;
  // The adapter there is single-label, and a threshold is for multi-label.
  delete schemas.ClassificationParameters.properties.threshold;
  for (const name of ['Classification', 'SequenceLabeling', 'QuestionAnswering']) {
    schemas[`${name}PipelineInputs`] = structuredClone(schemas[`${name}Inputs`]);
    // In our own shape a bad one among several has its error in its place, in an answer of 200.
    schemas[`${name}Inputs`].anyOf[1].items = {};
  }
  const real: Document['paths'] = {};
  for (const [path, methods] of Object.entries(paths)) {
    const names = path.startsWith('/models/')
      ? tasks.filter(task => task === 'classification' || !path.endsWith('/predict'))
      : [tasks.find(task => path.endsWith(task)) ?? 'classification'];
    for (const name of names) {
      const copy = structuredClone(methods);
      const properties = copy.post?.requestBody?.content['application/json']?.schema.properties;
      if (properties?.model) properties.model = { const: name };
      for (const parameter of copy.get?.parameters ?? [])
        if (parameter.name === 'name') parameter.schema = { enum: [...tasks] };
      if (properties && path === '/models/{adapter}') {
        const component = name.replace(/(?:^|-)(.)/g, (_, letter: string) => letter.toUpperCase());
        properties.inputs = { $ref: `#/components/schemas/${component}PipelineInputs` };
        const parameters = { $ref: `#/components/schemas/${component}PipelineParameters` };
        properties.parameters = { anyOf: [parameters, { type: 'null' }] };
      }
      const { parameters, ...post } = copy.post ?? {};
      const inPath = path.startsWith('/models/');
      real[path.replace('{adapter}', name)] = inPath ? { ...copy, post } : copy;
    }
  }
  return { ...rest, components, paths: real };
}

describe.skipIf(!found)('schemathesis with all of its checks', () => {
  let server: PipelineServer;
  let folder: string;
  let document: Document;
  beforeAll(async () => {
    server = await startPipelineServer('wordpiece');
    folder = await mkdtemp(join(tmpdir(), 'veneer-schemathesis-'));
    document = withTextLines((await (await fetch(`${server.url}/openapi.json`)).json()) as Document);
  });
  afterAll(async () => {
    await server?.close();
    if (folder) await rm(folder, { recursive: true, force: true });
  });

  async function run(tested: Document, key: string): Promise<void> {
    await writeFile(join(folder, 'openapi.json'), JSON.stringify(tested));
    await writeFile(join(folder, 'schemathesis.toml'), configuration);
    const args = [
      ...['run', 'openapi.json', '--url', server.url, '--header', `Authorization: Bearer ${key}`],
      ...['--checks', 'all', '--max-examples', casesPerRoute, '--seed', seed, '--continue-on-failure'],
      ...['--generation-database', 'none', '--no-color'],
    ];
    // Not spawnSync: the server answers in this very process.
    const child = spawn(program, args, { cwd: folder, stdio: ['ignore', 'pipe', 'inherit'] });
    const ended = new Promise(resolve => child.once('close', resolve));
    const told = await text(child.stdout);
    expect(await ended, told).toBe(0);
    const cases = Number(/(\d+) generated/.exec(told)?.[1]);
    console.log(`schemathesis: ${cases} cases, seed ${seed}`);
    expect(cases).toBeGreaterThan(200);
  }

  test('finds nothing by the document as it is', { timeout: 1_200_000 }, () =>
    run(document, server.adminKey),
  );

  // With a key that cannot delete them.
  test('finds nothing where it knows the adapters', { timeout: 1_200_000 }, () =>
    run(withRealAdapters(document), server.key),
  );
});
