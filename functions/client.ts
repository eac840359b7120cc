/**
 * A typed client of the HTTP API, for browsers and servers: `import { createClient } from 'veneer/client'`. The types are
 * those of the schemas that validate, which a test holds them to; they are written out so that they need nothing but Hono.
 */
import type { Hono } from 'hono';
import { type ClientRequestOptions, hc } from 'hono/client';
import type { BlankEnv } from 'hono/types';

export type OffsetEncoding = 'code_points' | 'utf16';
type OneOrMore<Item> = Item | Item[];

export interface Predict<Input, Parameters> {
  /** `name` (its alias live), `name@alias` or `name@sha256:<digest>`. */
  model: string;
  inputs: OneOrMore<Input>;
  parameters?: Parameters | undefined;
}

export interface Predicted<Task, Output> {
  task: Task;
  model: { name: string; digest: string };
  /** In the order of the inputs. Of several inputs, one that is bad has its error in its place. */
  outputs: (Output | RefusedInput)[];
  usage: { tokens: number; windows: number[] };
}

export interface FieldError {
  path: string;
  message: string;
}

export interface RefusedInput {
  error: { code: string; message: string; errors?: FieldError[] | undefined };
  status: number;
}

export type ClassificationInput = string | { text: string; text_pair?: string | undefined };
export interface ClassificationParameters {
  top_k?: number | undefined;
  /** Of a multi-label adapter: what a label's score must reach to be given. */
  threshold?: number | undefined;
  offset_encoding?: OffsetEncoding | undefined;
}
export interface ClassificationOutput {
  label: string;
  score: number;
  scores: { label: string; score: number }[];
  /** The labels given: the best one; of a multi-label adapter any number; none in regression. */
  labels: string[];
}

export type SequenceLabelingInput = string | { text: string };
export interface SequenceLabelingParameters {
  offset_encoding?: OffsetEncoding | undefined;
}
export interface SequenceLabelingOutput {
  entities: { entity_group: string; score: number; word: string; start: number; end: number }[];
}

export interface QuestionAnsweringInput {
  question: string;
  /** A text, or the turns of a conversation. */
  context: string | { speaker: string; text: string }[];
}
export interface QuestionAnsweringParameters {
  top_k?: number | undefined;
  max_answer_tokens?: number | undefined;
  no_answer?: boolean | undefined;
  offset_encoding?: OffsetEncoding | undefined;
}
export interface QuestionAnsweringOutput {
  /** `turn`: where the context is turns, which one answers; `start` and `end` are inside its text. */
  answers: { answer: string; score: number; start: number; end: number; turn?: number | undefined }[];
}

export interface AdapterList {
  adapters: { name: string; versions: number; aliases: string[] }[];
}

export interface Adapter {
  name: string;
  versions: {
    digest: string;
    task: 'classification' | 'sequence-labeling' | 'question-answering';
    problem: 'single-label' | 'multi-label' | 'regression';
    labels: string[];
    base: { name: string; digest: string; tokenizer: string };
    metrics: { trained: Record<string, number>; served: Record<string, number> };
  }[];
  aliases: Record<
    string,
    {
      digest: string;
      previous: string | null;
      updated_at: string;
      canary?: { digest: string; percent: number } | undefined;
      shadow?: string | undefined;
    }
  >;
}

export interface DeletedAdapter {
  name: string;
  versions: string[];
  aliases: string[];
}

export interface PushedVersion {
  name: string;
  digest: string;
  alias: string;
  created: boolean;
}

/** `x-request-key`: where a canary answers a share of the requests, those of one key get the same version. */
export type PredictHeaders = { 'x-request-key'?: string | undefined };

/** A finished adapter's two files, and the gates that it must pass. */
export type Push = {
  param: { name: string };
  form: { 'manifest.json': File; 'adapter.safetensors': File };
  query: {
    alias?: string | undefined;
    minMetric?: string | string[] | undefined;
    maxDrop?: string | undefined;
  };
  header: { 'if-match'?: string | undefined; 'if-none-match'?: '*' | undefined };
};

export interface UsageCounts {
  requests: number;
  tokens: number;
  windows: number;
}

export interface UsageReport {
  tenant: string;
  month: string;
  total: UsageCounts;
  adapters: { name: string; requests: number; tokens: number; windows: number }[];
}

export interface Batch {
  id: string;
  state: 'waiting' | 'running' | 'completed' | 'cancelled' | 'failed';
  error: string | null;
  model: { name: string; digest: string };
  task: 'classification' | 'sequence-labeling' | 'question-answering';
  counts: { lines: number; succeeded: number; failed: number };
  usage: { tokens: number; windows: number };
  created_at: string;
  started_at: string | null;
  ended_at: string | null;
  expires_at: string | null;
  results: { url: string; parts: string[] } | null;
}

/** The lines are the body: `$post({ query, header }, { init: { body } })`. */
export type NewBatch = {
  query: { model: string; task?: Batch['task'] | undefined };
  header?: { 'idempotency-key'?: string | undefined };
};

/** What every answer is whose status is not 200 (RFC 9457). */
export interface Problem {
  type: string;
  title: string;
  status: number;
  detail?: string | undefined;
  code: string;
  request_id: string;
  errors?: FieldError[] | undefined;
}

type ProblemStatus = 400 | 401 | 403 | 404 | 405 | 409 | 413 | 422 | 429 | 500 | 503;

type Endpoint<Input, Output, Status = 200> =
  | { input: Input; output: Output; outputFormat: 'json'; status: Status }
  | { input: Input; output: Problem; outputFormat: 'json'; status: ProblemStatus };
type Post<Body, Output> = { $post: Endpoint<{ json: Body; header?: PredictHeaders }, Output> };
type Get<Output, Input = object> = { $get: Endpoint<Input, Output> };

// Aliases, not interfaces: Hono's client looks for a type with an implicit index signature.
export type ApiSchema = {
  '/v1/classification': Post<
    Predict<ClassificationInput, ClassificationParameters>,
    Predicted<'classification', ClassificationOutput>
  >;
  '/v1/sequence-labeling': Post<
    Predict<SequenceLabelingInput, SequenceLabelingParameters>,
    Predicted<'sequence-labeling', SequenceLabelingOutput>
  >;
  '/v1/question-answering': Post<
    Predict<QuestionAnsweringInput, QuestionAnsweringParameters>,
    Predicted<'question-answering', QuestionAnsweringOutput>
  >;
  '/v1/adapters': Get<AdapterList>;
  '/v1/adapters/:name': Get<Adapter, { param: { name: string } }> & {
    $delete: Endpoint<{ param: { name: string } }, DeletedAdapter>;
  };
  '/v1/adapters/:name/versions': { $put: Endpoint<Push, PushedVersion, 200 | 201> };
  '/v1/usage': Get<UsageReport, { query: { month?: string | undefined } }>;
  '/v1/batches': Get<{ batches: Batch[] }, { query: { limit?: string | undefined } }> & {
    $post: Endpoint<NewBatch, Batch, 200 | 202>;
  };
  '/v1/batches/:id': Get<Batch, { param: { id: string } }> & {
    $delete: Endpoint<{ param: { id: string } }, Batch>;
  };
  '/v1/batches/:id/results': {
    $get:
      | { input: { param: { id: string } }; output: string; outputFormat: 'text'; status: 200 }
      | { input: { param: { id: string } }; output: Problem; outputFormat: 'json'; status: ProblemStatus };
  };
  '/healthz': Get<{ status: 'ok' }>;
  '/readyz': Get<{ status: 'ok' }>;
};

export type Api = Hono<BlankEnv, ApiSchema>;

export interface ClientOptions {
  /** An API key, `vn_<tenant>_<secret>`. */
  key: string;
  /** In the place of the global one. */
  fetch?: ClientRequestOptions['fetch'];
  headers?: Record<string, string>;
}

/**
 * Methods mirror the paths: `client.v1.classification.$post({ json })` gives a Response; past `if (response.ok)` its
 * `json()` is the answer, else a Problem.
 */
export function createClient(baseUrl: string, { key, fetch, headers }: ClientOptions) {
  return hc<Api>(baseUrl, {
    headers: { ...headers, authorization: `Bearer ${key}` },
    ...(fetch === undefined ? {} : { fetch }),
  });
}

export type Client = ReturnType<typeof createClient>;
