/** Reads a multipart/form-data request up to a limit, a few at a time: their parts are whole in memory. */
import { createMiddleware } from 'hono/factory';
import { VeneerError } from '../error.ts';
import { readUpTo, tooLarge } from './body.ts';

export interface MultipartOptions {
  maxBytes: number;
  /** Bodies in memory at most. */
  atOnce: number;
}

export function multipartBody({ maxBytes, atOnce }: MultipartOptions) {
  let reading = 0;
  return createMiddleware(async (c, next) => {
    const { raw } = c.req;
    const type = raw.headers.get('content-type') ?? '';
    if (!/^multipart\/form-data *;/i.test(type))
      throw new VeneerError('invalid_request', 'send the files as multipart/form-data, as curl -F does');
    if (Number(raw.headers.get('content-length')) > maxBytes) throw tooLarge(maxBytes);
    if (reading >= atOnce)
      throw new VeneerError('rate_limited', `${atOnce} uploads are under way already: try again`, {
        retryAfterSeconds: 1,
      });
    reading++;
    try {
      const body = await readUpTo(raw.body, maxBytes);
      // Where Hono's validator looks first.
      c.req.bodyCache.formData = await new Response(body, { headers: { 'content-type': type } })
        .formData()
        .catch(cause => {
          throw new VeneerError(
            'invalid_request',
            'the body is not whole multipart/form-data: send it as curl -F does',
            { cause },
          );
        });
      await next();
    } finally {
      reading--;
    }
  });
}
