/** What the middleware leaves in a request's context. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Stopwatch } from '../timed.ts';
import type { AnsweredRequest } from './answered.ts';
import type { Identity } from './identity.ts';

export interface RequestEnv {
  /** Of a Node server; elsewhere there is something else, or nothing. */
  Bindings: { incoming?: IncomingMessage; outgoing?: ServerResponse } | undefined;
  Variables: {
    requestId: string;
    /** Header fields of the answer, as far as they are known, and whether the answer has them already. */
    fields: Record<string, string>;
    fieldsTaken?: boolean;
    /** The pattern of its path, such as `/models/:adapter`. Left out where nothing is served by its method. */
    route?: string | undefined;
    /** Whose credential it was, and the tenant that is acted for; set on every route that needs a key. */
    identity: Identity;
    tenant: string;
    stopwatch: Stopwatch;
    /** What is known of a prediction so far. */
    prediction?: Pick<AnsweredRequest, 'task' | 'adapterDigest' | 'tokens' | 'windows'>;
    problem?: Pick<AnsweredRequest, 'code' | 'error'>;
    /** Charges the tokens that a prediction computed. Left out where the key has no limit. */
    chargeTokens?: (tokens: number) => Promise<void>;
  };
}
