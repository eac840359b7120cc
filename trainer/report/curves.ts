/** What a run tells of its training: every step and evaluation, from steps.jsonl. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as z from 'zod';
import { Metrics } from '../../functions/artifacts/manifests.ts';
import { VeneerError } from '../../functions/error.ts';
import { stepsFile } from '../step-log.ts';

const Step = z.object({
  step: z.number().int(),
  loss: z.number(),
  learningRate: z.number().optional(),
  gradientNorm: z.number().optional(),
  tokens: z.number().optional(),
  milliseconds: z.number().optional(),
});
const Evaluation = z.object({ step: z.number().int(), metrics: Metrics });

export interface CurvePoint {
  /** Step, from 1. */
  at: number;
  loss: number;
  learningRate?: number | undefined;
  gradientNorm?: number | undefined;
}

export interface Curves {
  points: CurvePoint[];
  evaluations: { at: number; metrics: Metrics }[];
  /** Steps, and seconds of computing them, where every step is on record. */
  total?: { steps: number; seconds: number; tokens: number };
}

/** Curves without a point where the directory has no steps.jsonl. */
export async function readCurves(directory: string): Promise<Curves> {
  const path = join(directory, stepsFile);
  const text = await textOf(path);
  const curves = text === undefined ? undefined : parseSteps(text, path);
  return curves && curves.points.length > 0 ? curves : { points: [], evaluations: [] };
}

function parseSteps(text: string, path: string): Curves {
  // A run that was resumed repeats what came after its last checkpoint: the later line counts.
  const steps = new Map<number, z.infer<typeof Step>>();
  const evaluations = new Map<number, z.infer<typeof Evaluation>>();
  const lines = text.split('\n');
  lines.forEach((line, index) => {
    // What stands behind the last newline was being written when the run was stopped.
    if (line === '' || index === lines.length - 1) return;
    const where = `${path}:${index + 1}`;
    const { kind } = parse(z.object({ kind: z.string() }), line, where);
    if (kind === 'step') {
      const step = parse(Step, line, where);
      steps.set(step.step, step);
    } else if (kind === 'evaluation') {
      const evaluation = parse(Evaluation, line, where);
      evaluations.set(evaluation.step, evaluation);
    }
  });
  const inOrder = [...steps.values()].sort((a, b) => a.step - b.step);
  const sum = (of: 'tokens' | 'milliseconds') => inOrder.reduce((total, step) => total + (step[of] ?? 0), 0);
  return {
    points: inOrder.map(({ step, loss, learningRate, gradientNorm }) => ({
      at: step,
      loss,
      learningRate,
      gradientNorm,
    })),
    evaluations: [...evaluations.values()]
      .sort((a, b) => a.step - b.step)
      .map(({ step, metrics }) => ({ at: step, metrics })),
    total: { steps: inOrder.length, seconds: sum('milliseconds') / 1000, tokens: sum('tokens') },
  };
}

/** At most `count` points, each the mean of a stretch of equal length, where there are more. */
export function thinned(points: readonly CurvePoint[], count: number): CurvePoint[] {
  if (points.length <= count) return [...points];
  const size = Math.ceil(points.length / count);
  return Array.from({ length: Math.ceil(points.length / size) }, (_, i) => {
    const stretch = points.slice(i * size, (i + 1) * size);
    const mean = (of: keyof CurvePoint) =>
      stretch.reduce((sum, point) => sum + (point[of] ?? 0), 0) / stretch.length;
    const { learningRate, gradientNorm } = stretch[0]!;
    return {
      at: mean('at'),
      loss: mean('loss'),
      ...(learningRate === undefined ? {} : { learningRate: mean('learningRate') }),
      ...(gradientNorm === undefined ? {} : { gradientNorm: mean('gradientNorm') }),
    };
  });
}

async function textOf(path: string): Promise<string | undefined> {
  return readFile(path, 'utf8').catch(cause => {
    if (cause.code === 'ENOENT') return undefined;
    throw new VeneerError('invalid_data', `${path}: cannot be read (${cause.code})`, { cause });
  });
}

function parse<T>(schema: z.ZodType<T>, text: string, where: string): T {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    throw new VeneerError('invalid_data', `${where}: not JSON`);
  }
  const parsed = schema.safeParse(json);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new VeneerError(
    'invalid_data',
    `${where}: ${issue?.path.join('.') || 'document'}: ${issue?.message}`,
  );
}
