/** The entry of an AWS Lambda function. The base is opened in the first request that needs it. */
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { handle } from 'hono/aws-lambda';
import { createApp } from './http/app.ts';
import { readEnvironment } from './http/environment.ts';
import { openServices } from './http/services.ts';

const options = await readEnvironment(process.env, { cacheDir: join(tmpdir(), 'veneer') });

export const handler = handle(createApp(openServices(options)));
