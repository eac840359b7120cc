/** GET /metrics in Prometheus' text format. Whoever mounts it says who may read it. */
import { type Context, Hono } from 'hono';
import type { Metrics } from '../metrics.ts';

export const metricsPath = '/metrics';

export function exposed(metrics: Metrics) {
  return async (c: Context) => {
    const { contentType, text } = await metrics.exposition();
    return c.body(text, 200, { 'content-type': contentType });
  };
}

/** The app of a listener that serves nothing else and asks for no key. */
export function metricsApp(metrics: Metrics): Hono {
  return new Hono().get(metricsPath, exposed(metrics));
}
