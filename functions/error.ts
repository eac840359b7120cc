/** The one public error and the one table from its code to an HTTP status and a process exit code. */

const codes = {
  // code: [HTTP status, exit code, title]
  usage: [400, 2, 'Wrong usage'],
  invalid_json: [400, 1, 'The body is not JSON'],
  invalid_request: [422, 1, 'The request does not have the expected fields'],
  invalid_data: [422, 1, 'The data cannot be read'],
  invalid_artifact: [422, 1, 'The artifact is damaged or not of this format'],
  unauthenticated: [401, 1, 'A valid API key is required'],
  forbidden: [403, 1, 'The key does not allow this'],
  not_found: [404, 1, 'Not found'],
  method_not_allowed: [405, 1, 'The method is not served here'],
  wrong_task: [409, 1, 'The adapter serves another task'],
  conflict: [409, 1, 'Something else changed it first'],
  digest_mismatch: [409, 1, 'The digest does not match'],
  gate_failed: [422, 1, 'A quality gate refused it'],
  payload_too_large: [413, 1, 'The body is over the limit'],
  rate_limited: [429, 1, 'Too many requests'],
  training_failed: [500, 1, 'Training stopped'],
  interrupted: [503, 130, 'Stopped by SIGINT'],
  terminated: [503, 143, 'Stopped by SIGTERM'],
  unavailable: [503, 1, 'Not available at the moment'],
} as const satisfies Record<string, readonly [status: number, exit: number, title: string]>;

export type ErrorCode = keyof typeof codes;

/** An error meant for a person: one line saying what is wrong, where, and what to do. */
export class VeneerError extends Error {
  readonly code: ErrorCode;
  /** When it is worth trying again, where that is known. */
  readonly retryAfterSeconds: number | undefined;

  constructor(
    code: ErrorCode,
    message: string,
    options: { cause?: unknown; retryAfterSeconds?: number } = {},
  ) {
    super(message, options);
    this.retryAfterSeconds = options.retryAfterSeconds;
    this.name = 'VeneerError';
    this.code = code;
  }

  get status() {
    return codes[this.code][0];
  }
  get exitCode() {
    return codes[this.code][1];
  }
  get title() {
    return codes[this.code][2];
  }
}
