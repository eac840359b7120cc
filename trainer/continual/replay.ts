/**
 * The replay buffer of a run: some examples of its data and of what it goes on from, one JSON line each in replay.jsonl, with
 * the digest of the data that they are of. Which ones is a function of the examples, their number and the seed alone.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as z from 'zod';
import { sha256 } from '../../functions/artifacts/digest.ts';
import type { TaskName } from '../../functions/artifacts/names.ts';
import { VeneerError } from '../../functions/error.ts';
import { splitLines } from '../data/files.ts';
import { contentOf, type Example } from '../data/holdout.ts';
import { parseJson } from '../data/json.ts';
import { entityType } from '../data/labels.ts';

export const replayFile = 'replay.jsonl';

const dataset = z.string();
const Turn = z.strictObject({ speaker: z.string(), text: z.string() });
const Kept: Record<TaskName, z.ZodType<Omit<Example, 'where'>>> = {
  classification: z.strictObject({
    text: z.string(),
    pair: z.string().exactOptional(),
    labels: z.array(z.string()),
    value: z.number().exactOptional(),
  }),
  'sequence-labeling': z
    .strictObject({
      words: z.array(z.string()),
      tags: z.array(z.string()),
      inRecord: z.literal(true).exactOptional(),
    })
    .refine(({ words, tags }) => words.length === tags.length, 'words and tags differ in number'),
  'question-answering': z.strictObject({
    id: z.string(),
    question: z.string(),
    context: z.string(),
    turns: z.array(Turn).exactOptional(),
    answers: z.array(z.strictObject({ text: z.string(), start: z.number().int().nonnegative() })),
  }),
};

export interface Remembered {
  /** SHA-256 of the file that it is of. */
  dataset: string;
  example: Example;
}

/** What is balanced: the class, the first entity type, whether there is an answer. */
function classOf(example: Example): string {
  if ('labels' in example) return example.labels[0] ?? '';
  if ('tags' in example) return entityType(example.tags.find(tag => tag !== 'O') ?? 'O') ?? '';
  return example.answers.length > 0 ? 'answered' : '';
}

/** So many of the examples, the classes in turn as long as they have any, in the order of the examples. */
export function chooseReplay<E extends Example>(examples: readonly E[], count: number, seed: number): E[] {
  const classes = new Map<string, { index: number; order: string }[]>();
  examples.forEach((example, index) => {
    const name = classOf(example);
    const order = sha256(`${seed} ${index} ${contentOf(example)}`);
    classes.set(name, [...(classes.get(name) ?? []), { index, order }]);
  });
  const queues = [...classes]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([, members]) => members.sort((a, b) => (a.order < b.order ? -1 : 1)));
  const chosen: number[] = [];
  for (let round = 0; chosen.length < Math.min(count, examples.length); round++)
    for (const queue of queues)
      if (round < queue.length && chosen.length < count) chosen.push(queue[round]!.index);
  return chosen.sort((a, b) => a - b).map(index => examples[index]!);
}

export function writeReplay(buffer: readonly Remembered[]): Uint8Array {
  const lines = buffer.map(({ dataset, example: { where: _, ...example } }) =>
    JSON.stringify({ dataset, ...example }),
  );
  return Buffer.from(lines.map(line => `${line}\n`).join(''));
}

/** @throws VeneerError naming the line that is not an example of this task. Undefined where there is no buffer. */
export async function readReplay(
  directory: string,
  task: TaskName,
): Promise<{ buffer: Remembered[]; digest: string } | undefined> {
  const path = join(directory, replayFile);
  const bytes = await readFile(path).catch((cause: NodeJS.ErrnoException) => {
    if (cause.code === 'ENOENT') return undefined;
    throw new VeneerError('invalid_artifact', `${path}: cannot be read (${cause.code})`, { cause });
  });
  if (!bytes) return undefined;
  const buffer = splitLines(bytes.toString().trimEnd()).flatMap((line, index): Remembered[] => {
    if (line === '') return [];
    const where = `${path}:${index + 1}`;
    const { dataset: of, ...kept } = Object(parseJson(line, path, index + 1));
    const [digest, parsed] = [dataset.safeParse(of), Kept[task].safeParse(kept)];
    if (!digest.success || !parsed.success)
      throw new VeneerError(
        'invalid_artifact',
        `${where}: no example of ${task} as train --replay keeps it: train it again`,
      );
    return [{ dataset: digest.data, example: { ...parsed.data, where } as Example }];
  });
  return { buffer, digest: sha256(bytes) };
}
