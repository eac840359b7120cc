/** Whether two versions' outputs for one input say the same thing, and how far their scores lie apart. A rule a task. */
import type { TaskName } from '../artifacts/names.ts';

export interface Agreement {
  agree: boolean;
  /** Largest difference of the scores of what is said; what only one side says counts with its whole score. */
  scoreDifference: number;
}

/** What an output says, as names that two outputs share where they say the same, and a score for every name. */
interface Reading {
  said: string[];
  scores: ReadonlyMap<string, number>;
}

interface Place {
  score: number;
  start: number;
  end: number;
  turn?: number;
}

type Entity = Place & ({ entityGroup: string } | { label: string });

const scored = <Item extends { score: number }>(items: readonly Item[], nameOf: (item: Item) => string) =>
  new Map(items.map(item => [nameOf(item), item.score]));

/** Readings of the outputs of this folder, those in the shape of transformers' pipelines included. */
const readings: Record<TaskName, (output: unknown) => Reading> = {
  /** Of a regression, which gives no labels, the scores alone. */
  classification(output) {
    const { ranked, labels } = output as { ranked: { label: string; score: number }[]; labels: string[] };
    return { said: labels, scores: scored(ranked, ({ label }) => label) };
  },
  'sequence-labeling'(output) {
    const entities = Array.isArray(output) ? output : (output as { entities: Entity[] }).entities;
    const scores = scored(
      entities as Entity[],
      entity => `${'label' in entity ? entity.label : entity.entityGroup} ${entity.start} ${entity.end}`,
    );
    return { said: [...scores.keys()], scores };
  },
  'question-answering'(output) {
    const scores = scored(output as Place[], ({ turn, start, end }) => `${turn ?? ''} ${start} ${end}`);
    return { said: [...scores.keys()].slice(0, 1), scores };
  },
};

/** @param live An output of the task, or the error that an input was refused with. */
export function agreementOf(task: TaskName, live: unknown, candidate: unknown): Agreement {
  if (live instanceof Error || candidate instanceof Error)
    return { agree: live instanceof Error && candidate instanceof Error, scoreDifference: 0 };
  const [ours, theirs] = [readings[task](live), readings[task](candidate)];
  const said = new Set([...ours.said, ...theirs.said]);
  const names = said.size > 0 ? said : new Set([...ours.scores.keys(), ...theirs.scores.keys()]);
  let scoreDifference = 0;
  for (const name of names) {
    const difference = (ours.scores.get(name) ?? 0) - (theirs.scores.get(name) ?? 0);
    scoreDifference = Math.max(scoreDifference, Math.abs(difference));
  }
  const agree = said.size === ours.said.length && said.size === theirs.said.length;
  return { agree, scoreDifference };
}
