/** Findings of sequence labeling: entities that were missed, made up or given another type. Spans must agree exactly. */
import type { LabelingOutput } from '../../../functions/tasks/sequence-labeling.ts';
import type { LabelingExample } from '../../data/dataset.ts';
import { type Entity, entitiesOf, scoreEntities } from '../../metrics/entities.ts';
import { tagsOfWords } from '../../tasks/sequence-labeling.ts';
import { type Findings, type Mistake, worstOf } from '../findings.ts';
import type { Mark } from '../passage.ts';

const none = '(none)';

/** An entity by its place in the example's words, joined by spaces. */
interface Found {
  type: string;
  start: number;
  end: number;
  score: number;
}

export function entityFindings(
  examples: readonly LabelingExample[],
  outputs: readonly LabelingOutput[],
): Findings {
  const sentences = examples.map((example, i) => {
    const tags = tagsOfWords(example, outputs[i]!);
    const place = placer(example.words);
    const expected = entitiesOf(example.tags).map(place);
    const predicted = entitiesOf(tags).map(entity => {
      const found = place(entity);
      const said = outputs[i]!.entities.find(({ start, end }) => start <= found.start && found.start < end);
      return { ...found, score: said?.score ?? 0 };
    });
    return { example, tags, expected, predicted };
  });
  const pairs = sentences.flatMap(({ expected, predicted }) => [
    ...expected.map(entity => ({
      expected: entity.type,
      predicted: predicted.find(sameSpan(entity))?.type ?? none,
    })),
    ...predicted
      .filter(entity => !expected.some(sameSpan(entity)))
      .map(entity => ({ expected: none, predicted: entity.type })),
  ]);
  const wrong = sentences.filter(({ expected, predicted }) => !agree(expected, predicted));
  return {
    confusion: {
      note: `A span with other ends is not found: it counts once as expected and ${none} predicted, once the other way round.`,
      pairs,
    },
    scores: {
      about: 'entity type',
      perLabel: scoreEntities(
        sentences.map(({ example }) => example.tags),
        sentences.map(({ tags }) => tags),
      ).perType,
    },
    judged: {
      about: 'predicted entities, correct where type and both ends agree',
      answers: sentences.flatMap(({ expected, predicted }) =>
        predicted.map(entity => ({ confidence: entity.score, correct: isAmong(expected, entity) })),
      ),
    },
    mistaken: wrong.length,
    mistakes: worstOf(
      wrong.map(({ example, expected, predicted }): Mistake => {
        const missed = expected.filter(entity => !isAmong(predicted, entity));
        const spurious = predicted.filter(entity => !isAmong(expected, entity));
        const text = example.words.join(' ');
        return {
          where: example.where,
          badness: missed.length + spurious.reduce((sum, { score }) => sum + score, 0),
          facts: [
            { name: 'Missed', value: namesOf(text, missed) },
            { name: 'Spurious', value: namesOf(text, spurious) },
          ],
          passages: [
            { title: 'Expected', text, marks: marksOf(expected, predicted, 'expected') },
            { title: 'Predicted', text, marks: marksOf(predicted, expected, 'predicted') },
          ],
        };
      }),
    ),
    legend: { agreed: 'found as expected', expected: 'missed', predicted: 'spurious or of another type' },
  };
}

/** From places in words to places in the text that joins them by spaces. */
function placer(words: readonly string[]): (entity: Entity) => Found {
  const starts: number[] = [];
  let at = 0;
  for (const word of words) {
    starts.push(at);
    at += word.length + 1;
  }
  return ({ type, start, end }) => ({
    type,
    start: starts[start]!,
    end: starts[end - 1]! + words[end - 1]!.length,
    score: 1,
  });
}

const sameSpan = (a: Found) => (b: Found) => a.start === b.start && a.end === b.end;

function isAmong(others: readonly Found[], entity: Found): boolean {
  return others.some(other => sameSpan(entity)(other) && other.type === entity.type);
}

function agree(a: readonly Found[], b: readonly Found[]): boolean {
  return a.length === b.length && a.every(entity => isAmong(b, entity));
}

function marksOf(entities: readonly Found[], others: readonly Found[], kind: Mark['kind']): Mark[] {
  return entities.map(({ score: _score, type, ...span }) => ({
    ...span,
    kind: isAmong(others, { ...span, type, score: 0 }) ? 'agreed' : kind,
    note: type,
  }));
}

function namesOf(text: string, entities: readonly Found[]): string {
  return (
    entities.map(({ start, end, type }) => `${text.slice(start, end)} (${type})`).join(', ') || 'nothing'
  );
}
