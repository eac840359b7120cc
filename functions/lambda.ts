/** The entry of an AWS Lambda function. The base is opened in the first request that needs it. */
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { handle } from 'hono/aws-lambda';
import { createApp } from './http/app.ts';
import { readEnvironment } from './http/environment.ts';
import { openServices } from './http/services.ts';

// A function is frozen after its answer and may never wake again: what it counted is written before.
const options = await readEnvironment(process.env, {
  cacheDir: join(tmpdir(), 'veneer'),
  usageFlushSeconds: 0,
});

export const handler = handle(createApp(openServices(options)));
