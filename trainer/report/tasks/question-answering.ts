/** Findings of question answering: whether an answer was given where there is one, and answers that miss the accepted ones. */
import { joinTurns } from '../../../functions/tasks/dialogue.ts';
import type { Answer } from '../../../functions/tasks/question-answering.ts';
import type { QuestionExample } from '../../data/dataset.ts';
import { scoreQuestion } from '../../metrics/squad.ts';
import { type Findings, type Mistake, worstOf } from '../findings.ts';

/** The context of a report is joined turns. */
function placeInContext({ turns }: QuestionExample, { start, end, turn }: Answer) {
  const from = turns && turn !== undefined ? joinTurns(turns).places[turn]!.start : 0;
  return { start: from + start, end: from + end };
}

const answerable = (answer: string) => (answer === '' ? 'no answer' : 'answer');

export function questionFindings(
  examples: readonly QuestionExample[],
  outputs: readonly Answer[][],
): Findings {
  const answers = examples.map((example, i) => {
    const given: Answer = outputs[i]![0] ?? { answer: '', score: 0, start: 0, end: 0 };
    const gold = example.answers.map(({ text }) => text);
    return { example, given, gold, score: scoreQuestion({ gold, predicted: given.answer }) };
  });
  const wrong = answers.filter(({ score }) => score.exactMatch === 0);
  return {
    ...(examples.every(({ answers }) => answers.length > 0)
      ? {}
      : {
          confusion: {
            note: 'Whether the passage holds an answer, and whether one was given.',
            pairs: answers.map(({ gold, given }) => ({
              expected: answerable(gold[0] ?? ''),
              predicted: answerable(given.answer),
            })),
          },
        }),
    judged: {
      about: 'answers, correct where they match an accepted one exactly',
      answers: answers.map(({ given, score }) => ({
        confidence: given.score,
        correct: score.exactMatch === 1,
      })),
    },
    mistaken: wrong.length,
    mistakes: worstOf(
      wrong.map(
        ({ example, given, gold, score }): Mistake => ({
          where: example.where,
          // A confident answer that shares no word with an accepted one is the worst.
          badness: 1 - score.f1 + given.score,
          facts: [
            { name: 'Question', value: example.question },
            { name: 'Expected', value: [...new Set(gold)].join(' / ') || 'no answer' },
            { name: 'Predicted', value: given.answer || 'no answer', confidence: given.score },
          ],
          passages: [
            {
              text: example.context,
              marks: [
                ...example.answers.map(({ text, start }) => ({
                  start,
                  end: start + text.length,
                  kind: 'expected' as const,
                })),
                { ...placeInContext(example, given), kind: 'predicted' as const },
              ],
            },
          ],
        }),
      ),
    ),
    legend: { expected: 'accepted answer', predicted: 'predicted answer', agreed: 'both' },
  };
}
