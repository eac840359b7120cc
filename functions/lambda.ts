/**
 * The entry of an AWS Lambda function behind a function URL or an API Gateway HTTP API (payload format 2.0). Answers are
 * small and come all at once, so they are not streamed. The start does not wait for the base, which is fetched meanwhile.
 */
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { handle, type LambdaContext, type LambdaEvent } from 'hono/aws-lambda';
import { readEnvironment } from './http/environment.ts';
import { openServices } from './http/services.ts';

// A function is frozen after its answer and may never wake again: what it counted is written before.
const options = await readEnvironment(process.env, {
  cacheDir: join(tmpdir(), 'veneer'),
  usageFlushSeconds: 0,
});
const services = openServices(options);
if (options.baseName !== undefined) services.beginBase();
// Loaded while the store answers.
const { createApp } = await import('./http/app.ts');
const answer = handle(createApp(services));

export const handler = (event: LambdaEvent, context?: LambdaContext) => answer(withoutStage(event), context);

/** API Gateway puts a stage's name before the path, except of the stage `$default`. */
function withoutStage(event: LambdaEvent): LambdaEvent {
  if (!('rawPath' in event)) return event;
  const prefix = `/${event.requestContext.stage}/`;
  return event.rawPath.startsWith(prefix)
    ? { ...event, rawPath: event.rawPath.slice(prefix.length - 1) }
    : event;
}
