/** /v1/batches: many inputs at once, answered behind those that somebody waits for. Any server may work on any batch. */
import type { OpenAPIHono } from '@hono/zod-openapi';
import type { Context } from 'hono';
import { parseReference, type TaskName } from '../artifacts/names.ts';
import { acceptBatch } from '../batches/accept.ts';
import { type Batch, batchIds, isOver, linesOf, readBatch } from '../batches/document.ts';
import { cancelBatch, expiryOf } from '../batches/ending.ts';
import { type BatchOptions, defaultBatchLimits } from '../batches/limits.ts';
import { resultStream, resultUrls } from '../batches/results.ts';
import { VeneerError } from '../error.ts';
import type { Store } from '../store/store.ts';
import {
  type BatchAnswer,
  cancelRoute,
  createBatchRoute,
  getRoute,
  jsonl,
  listRoute,
  resultsRoute,
} from './batch-routes.ts';
import { type BatchServices, itemRules } from './batch-work.ts';
import { pieces } from './body.ts';
import type { RequestEnv } from './context.ts';
import type { TaskForm } from './tasks/form.ts';

/** A batch is not read into memory. */
export function addBatches(
  app: OpenAPIHono<RequestEnv>,
  forms: Record<TaskName, TaskForm>,
  services: BatchServices & { batches?: BatchOptions | undefined },
) {
  const { store, adapters, now } = services;
  const limits = { ...defaultBatchLimits, ...services.batches?.limits };

  app.openapi(createBatchRoute(limits), async c => {
    const tenant = c.get('tenant');
    const { model: reference, task } = c.req.valid('query');
    const { name } = parseReference(reference);
    const { batch, created } = await acceptBatch(store, {
      tenant,
      idempotencyKey: c.req.valid('header')['idempotency-key'],
      asked: { model: reference, task },
      body: pieces(c.req.raw.body),
      async resolve() {
        const { digest, manifest } = await adapters.get(tenant, reference);
        if (task !== undefined && task !== manifest.task)
          throw new VeneerError('wrong_task', `the adapter serves ${manifest.task}, not ${task}`);
        const rules = { maxLineBytes: limits.maxLineBytes, ...itemRules(forms[manifest.task]) };
        return { model: { name, digest }, task: manifest.task, rules };
      },
      limits,
      now: now(),
    });
    c.set('prediction', { task: batch.task, adapterDigest: batch.model.digest });
    if (created) services.batches?.wake?.();
    return c.json(shown(batch), created ? 202 : 200);
  });

  app.openapi(listRoute, async c => {
    const batches = await newest(store, c.get('tenant'), c.req.valid('query').limit);
    return c.json({ batches: batches.map(batch => shown(batch)) });
  });

  app.openapi(getRoute, async c => {
    const batch = await found(c, c.req.valid('param').id);
    return c.json(shown(batch, await resultUrls(store, batch)));
  });

  app.openapi(cancelRoute, async c => {
    const { id } = c.req.valid('param');
    const batch = await cancelBatch({ store, now }, { tenant: c.get('tenant'), id });
    if (!batch) throw notThere();
    return c.json(shown(batch, await resultUrls(store, batch)));
  });

  app.openapi(resultsRoute, async c => {
    const batch = await found(c, c.req.valid('param').id);
    return c.body(resultStream(store, batch), 200, { 'content-type': jsonl });
  });

  async function found(c: Context<RequestEnv>, id: string): Promise<Batch> {
    const standing = await readBatch(store, { tenant: c.get('tenant'), id });
    if (!standing) throw notThere();
    return standing.batch;
  }
}

const notThere = () => new VeneerError('not_found', 'this tenant has no such batch: list its batches');

async function newest(store: Store, tenant: string, limit: number): Promise<Batch[]> {
  const batches: Batch[] = [];
  const ids = batchIds(store, tenant);
  const lane = async () => {
    for await (const id of ids) {
      const standing = await readBatch(store, { tenant, id });
      if (standing) batches.push(standing.batch);
    }
  };
  await Promise.all(Array.from({ length: 8 }, lane));
  return batches.sort((a, b) => (a.createdAt < b.createdAt ? 1 : -1)).slice(0, limit);
}

function shown(batch: Batch, parts: string[] = []): BatchAnswer {
  const { id, state, error, model, task, done, createdAt, startedAt, endedAt } = batch;
  return {
    ...{ id, state, error, model, task },
    counts: { lines: linesOf(batch), succeeded: done.succeeded, failed: done.failed },
    usage: { tokens: done.tokens, windows: done.windows },
    created_at: createdAt,
    started_at: startedAt,
    ended_at: endedAt,
    expires_at: expiryOf(batch),
    results: isOver(batch) ? { url: `/v1/batches/${id}/results`, parts } : null,
  };
}
