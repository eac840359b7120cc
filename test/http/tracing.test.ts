/** Spans of real requests, gathered by OpenTelemetry's own SDK; and none of anything where no SDK is there. */
import { propagation, type SpanContext, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import {
  AlwaysOnSampler,
  BasicTracerProvider,
  InMemorySpanExporter,
  ParentBasedSampler,
  SimpleSpanProcessor,
} from '@opentelemetry/sdk-trace-base';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { createApp } from '../../functions/http/app.ts';
import { startTrace } from '../../functions/tracing.ts';
import { fakeBase } from './fake-base.ts';
import { posting, type Serving, serving } from './tenants.ts';

const exporter = new InMemorySpanExporter();
let world: Serving;
beforeAll(async () => {
  world = await serving();
});
afterAll(() => world.remove());
afterEach(() => {
  propagation.disable();
  exporter.reset();
});

function record() {
  const sampler = new ParentBasedSampler({ root: new AlwaysOnSampler() });
  trace.setGlobalTracerProvider(
    new BasicTracerProvider({ sampler, spanProcessors: [new SimpleSpanProcessor(exporter)] }),
  );
}

/** Spans by name, the request's among them. */
const spans = () => new Map(exporter.getFinishedSpans().map(span => [span.name, span]));
const body = { model: 'support', inputs: 'my secret card' };
const request = 'POST /v1/classification';

// First, and what follows shows that an SDK that is registered later is used.
describe('without an SDK', () => {
  it('no stage is wrapped, and what is answered is the same', async () => {
    const { within, traceId } = startTrace({ method: 'GET', route: '/', headers: new Headers() });
    expect([within, traceId]).toEqual([undefined, undefined]);
    const response = await world.app.request('/v1/classification', posting(world.key, body));
    expect(response.status).toBe(200);
    expect(exporter.getFinishedSpans()).toEqual([]);
  });
});

describe('with an SDK', () => {
  beforeAll(record);

  it('a prediction is a span, and each of its stages one below it', async () => {
    const response = await world.app.request('/v1/classification', posting(world.key, body));
    const root = spans().get(request)!;
    expect([...spans().keys()]).toEqual([
      ...['authenticate', 'base', 'adapter', 'tokenize', 'queue', 'run', 'decode'],
      request,
    ]);
    expect(root.kind).toBe(SpanKind.SERVER);
    expect(root.parentSpanContext).toBeUndefined();
    expect(root.attributes).toEqual({
      'http.request.method': 'POST',
      'http.route': '/v1/classification',
      'http.response.status_code': 200,
      'veneer.request_id': response.headers.get('x-request-id'),
      'veneer.tenant': 'acme',
      'veneer.task': 'classification',
      'veneer.adapter.digest': world.digests.support,
      'veneer.tokens': 5,
      'veneer.windows': 1,
    });
    for (const [name, span] of spans()) {
      expect(span.spanContext().traceId).toBe(root.spanContext().traceId);
      if (name !== request) expect(span.parentSpanContext?.spanId).toBe(root.spanContext().spanId);
    }
  });

  it('a failure marks the request and its stage, and tells neither text nor message', async () => {
    vi.spyOn(process.stderr, 'write').mockReturnValue(true);
    const base = fakeBase();
    base.engine.run = async () => {
      throw new TypeError('cannot read my secret card');
    };
    const app = createApp({ ...world.services, base: async () => base });
    expect((await app.request('/v1/classification', posting(world.key, body))).status).toBe(500);
    vi.restoreAllMocks();
    expect(spans().get(request)).toMatchObject({
      status: { code: SpanStatusCode.ERROR },
      attributes: { 'http.response.status_code': 500, 'error.type': 'internal' },
    });
    expect(spans().get('queue')!.status.code).toBe(SpanStatusCode.ERROR);
    expect(spans().get('tokenize')!.status.code).toBe(SpanStatusCode.UNSET);
    for (const span of spans().values()) {
      const { name, attributes, events, status } = span;
      const told = JSON.stringify({ name, attributes, events, status });
      for (const secret of ['secret', world.key]) expect(told).not.toContain(secret);
    }
  });

  it('what is not served is a span without a route, and no path', async () => {
    await world.app.request('/secret/path?key=1');
    expect([...spans().keys()]).toEqual(['GET']);
    expect(JSON.stringify(spans().get('GET')!.attributes)).not.toContain('secret');
  });

  it('stands below the caller’s span, and is as sampled as that', async () => {
    const [traceId, spanId] = ['a'.repeat(32), 'b'.repeat(16)];
    propagation.setGlobalPropagator({
      fields: () => ['x-parent'],
      inject: () => {},
      extract(context, carrier, getter) {
        const traceFlags = Number(getter.get(carrier, 'x-parent'));
        const caller: SpanContext = { traceId, spanId, traceFlags, isRemote: true };
        return trace.setSpanContext(context, caller);
      },
    });
    const send = (flags: string) =>
      world.app.request('/v1/classification', posting(world.key, body, { 'x-parent': flags }));
    await send('1');
    expect(spans().get(request)!.parentSpanContext).toMatchObject({ traceId, spanId });
    expect(spans().get('run')!.spanContext().traceId).toBe(traceId);
    exporter.reset();
    expect((await send('0')).status).toBe(200);
    expect(spans().size).toBe(0);
  });

  it('the log line names the trace', async () => {
    const lines: string[] = [];
    vi.spyOn(process.stderr, 'write').mockImplementation(line => lines.push(String(line)) > 0);
    const app = createApp({ ...world.services, logRequests: true });
    await app.request('/healthz');
    vi.restoreAllMocks();
    expect(JSON.parse(lines[0]!).trace_id).toBe(spans().get('GET /healthz')!.spanContext().traceId);
  });
});
