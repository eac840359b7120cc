/** What the middleware leaves in a request's context. */

export interface RequestEnv {
  Variables: {
    requestId: string;
    /** Whose key it was; set on every route that needs a key. */
    tenant: string;
  };
}
