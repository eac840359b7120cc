/**
 * The only file that knows OpenTelemetry, and of it the API alone: a span for each request and each stage of it. Where the
 * process has registered no SDK, or the request is not sampled, no stage makes a span. Neither messages of errors nor
 * anything that was sent becomes part of one.
 */
import {
  type Attributes,
  context,
  INVALID_TRACEID,
  propagation,
  type Span,
  SpanKind,
  SpanStatusCode,
  trace,
} from '@opentelemetry/api';
import type { Timed } from './timed.ts';

export interface RequestTrace {
  /** Wraps a stage in a span; undefined where nobody records. */
  within: Timed | undefined;
  /** Undefined where nobody records. */
  traceId: string | undefined;
  /** Runs what answers the request, so that spans of other libraries stand below its own. */
  run<T>(work: () => Promise<T>): Promise<T>;
  /** @param attributes Asked for where somebody records. */
  end(status: number, attributes: () => Attributes): void;
}

// Asks for the SDK at each span, so that one that is registered later is used as well.
const tracer = trace.getTracer('veneer');

const readHeaders = {
  get: (headers: Headers, name: string) => headers.get(name) ?? undefined,
  keys: (headers: Headers) => [...headers.keys()],
};

/** Where there is no SDK and no caller with one. */
const untraced: RequestTrace = {
  within: undefined,
  traceId: undefined,
  run: work => work(),
  end() {},
};

/** The headers may name the caller's own span, in whatever way the SDK was told to read (as a rule `traceparent`). */
export function startTrace(request: {
  method: string;
  /** Its pattern; undefined where nothing is served. */
  route: string | undefined;
  headers: Headers;
}): RequestTrace {
  const { method, route, headers } = request;
  const caller = propagation.extract(context.active(), headers, readHeaders);
  const span = tracer.startSpan(
    route === undefined ? method : `${method} ${route}`,
    { kind: SpanKind.SERVER, attributes: { 'http.request.method': method, 'http.route': route } },
    caller,
  );
  if (span.spanContext().traceId === INVALID_TRACEID) return untraced;
  const own = trace.setSpan(caller, span);
  const recording = span.isRecording();
  return {
    within: recording
      ? {
          async: (stage, work) => inSpan(tracer.startSpan(stage, {}, own), work),
          sync: (stage, work) => inSpanAtOnce(tracer.startSpan(stage, {}, own), work),
        }
      : undefined,
    traceId: recording ? span.spanContext().traceId : undefined,
    run: work => context.with(own, work),
    end(status, attributes) {
      if (recording) {
        span.setAttributes({ 'http.response.status_code': status, ...attributes() });
        if (status >= 500) span.setStatus({ code: SpanStatusCode.ERROR });
      }
      span.end();
    },
  };

  async function inSpan<T>(stage: Span, work: () => Promise<T>): Promise<T> {
    try {
      return await context.with(trace.setSpan(own, stage), work);
    } catch (error) {
      stage.setStatus({ code: SpanStatusCode.ERROR });
      throw error;
    } finally {
      stage.end();
    }
  }
  function inSpanAtOnce<T>(stage: Span, work: () => T): T {
    try {
      return context.with(trace.setSpan(own, stage), work);
    } catch (error) {
      stage.setStatus({ code: SpanStatusCode.ERROR });
      throw error;
    } finally {
      stage.end();
    }
  }
}
