/** What stands in an answer in the place of an input that cannot be answered, while the others are. */
import { z } from '@hono/zod-openapi';
import type { VeneerError } from '../../error.ts';
import { InvalidFields } from '../issues.ts';
import { FieldErrors } from '../problem.ts';

export const RefusedInput = z
  .object({
    error: z.object({
      code: z.string().openapi({ description: 'As in a problem.', example: 'invalid_request' }),
      message: z.string(),
      errors: FieldErrors.optional(),
    }),
    status: z.int().openapi({ description: 'What the status would be of this input alone.', example: 422 }),
  })
  .openapi('RefusedInput', { description: 'In the place of an input of several that cannot be answered.' });
export type RefusedInput = z.infer<typeof RefusedInput>;

export function refusedInput(error: VeneerError): RefusedInput {
  const { code, message, status } = error;
  return {
    error: { code, message, ...(error instanceof InvalidFields ? { errors: error.errors } : {}) },
    status,
  };
}
