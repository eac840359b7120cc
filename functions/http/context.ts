/** What the middleware leaves in a request's context. */
import type { Stopwatch } from '../timed.ts';
import type { AnsweredRequest } from './answered.ts';

export interface RequestEnv {
  Variables: {
    requestId: string;
    /** Whose key it was; set on every route that needs a key. */
    tenant: string;
    stopwatch: Stopwatch;
    /** What is known of a prediction so far. */
    prediction?: Pick<AnsweredRequest, 'task' | 'adapterDigest' | 'tokens' | 'windows'>;
    problem?: Pick<AnsweredRequest, 'code' | 'error'>;
  };
}
