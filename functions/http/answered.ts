/** What is told of an answered request, to the log and to the metrics: nothing that was sent besides its request id. */
import type { TaskName } from '../artifacts/names.ts';

export interface AnsweredRequest {
  requestId: string;
  method: string;
  /** The pattern, such as `/models/:adapter`; never the path. Undefined where nothing is served. */
  route: string | undefined;
  status: number;
  ms: number;
  tenant?: string | undefined;
  /** Of a prediction, as far as it came. */
  task?: TaskName | undefined;
  adapterDigest?: string | undefined;
  tokens?: number | undefined;
  windows?: number | undefined;
  /** Of a problem. */
  code?: string | undefined;
  /** Of a problem that is our fault. */
  error?: unknown;
  traceId?: string | undefined;
}
