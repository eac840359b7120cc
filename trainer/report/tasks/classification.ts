/**
 * Findings of single-label classification: confusions, confident mistakes, and the words that spoke for and against each. A
 * word speaks for the wrong label where the answer without it leans less towards that label (occlusion, Zeiler & Fergus 2014).
 */
import type { Ranked } from '../../../functions/tasks/classification.ts';
import { type Word, wordsOf } from '../../../functions/tasks/words.ts';
import type { ClassificationExample } from '../../data/dataset.ts';
import { scoreClassification } from '../../metrics/classification.ts';
import { type Findings, type Mistake, passagesOf, worstOf } from '../findings.ts';
import type { Mark } from '../passage.ts';

export type Ask = (examples: readonly ClassificationExample[]) => Promise<Ranked[]>;

/** The one label of single-label classification. */
const labelOf = ({ labels }: ClassificationExample) => labels[0]!;

/** Stretches that a text is cut into where it has more words. */
const stretches = 40;
/** Words shown for, and against, a label; and how far one must move the log odds to be shown. */
const wordsShown = 3;
const leastShift = 0.5;

/** @param ask answers further inputs, for what would have been said without a word. */
export async function classificationFindings(
  examples: readonly ClassificationExample[],
  outputs: readonly Ranked[],
  ask: Ask,
): Promise<Findings> {
  const answers = examples.map((example, i) => {
    const best = outputs[i]![0]!;
    return { example, best, expectedScore: scoreOf(outputs[i]!, labelOf(example)) };
  });
  const wrong = answers.filter(({ example, best }) => best.label !== labelOf(example));
  const worst = worstOf(
    wrong.map(answer => ({ ...answer, badness: -Math.log(Math.max(answer.expectedScore, 1e-300)) })),
  );
  const mistakes: Mistake[] = [];
  for (const { example, best, expectedScore, badness } of worst)
    mistakes.push({
      where: example.where,
      badness,
      facts: [
        { name: 'Expected', value: labelOf(example), confidence: expectedScore },
        { name: 'Predicted', value: best.label, confidence: best.score },
      ],
      passages: passagesOf(example, await influenceOf(example, best.label, ask)),
    });
  return {
    confusion: {
      note: '',
      pairs: answers.map(({ example, best }) => ({ expected: labelOf(example), predicted: best.label })),
    },
    scores: {
      about: 'label',
      perLabel: scoreClassification(
        examples.map(labelOf),
        answers.map(({ best }) => best.label),
      ).perLabel,
    },
    judged: {
      about: 'examples, by the probability of the predicted label',
      answers: answers.map(({ example, best }) => ({
        confidence: best.score,
        correct: best.label === labelOf(example),
      })),
    },
    mistaken: wrong.length,
    mistakes,
    legend: {
      expected: 'speaks for the expected label',
      predicted: 'speaks for the predicted label',
    },
  };
}

const scoreOf = (output: Ranked, label: string) => output.find(entry => entry.label === label)?.score ?? 0;

/** The words without which the answer would have leaned most away from, or towards, the predicted label. */
async function influenceOf(example: ClassificationExample, predicted: string, ask: Ask): Promise<Mark[]> {
  const words = spokenWords(example.text);
  if (words.length < 2) return [];
  const size = Math.ceil(words.length / stretches);
  const spans = Array.from({ length: Math.ceil(words.length / size) }, (_, i) => ({
    start: words[i * size]!.start,
    end: words[Math.min(words.length, (i + 1) * size) - 1]!.end,
  }));
  const without = spans.map(({ start, end }) => ({
    ...example,
    text: example.text.slice(0, start) + example.text.slice(end),
  }));
  const [whole, ...rest] = (await ask([example, ...without])).map(output =>
    Math.log((scoreOf(output, predicted) + 1e-9) / (scoreOf(output, labelOf(example)) + 1e-9)),
  );
  const shifts = spans
    .map((span, i) => ({ ...span, shift: whole! - rest[i]! }))
    .sort((a, b) => b.shift - a.shift);
  const shown = (from: typeof shifts, kind: Mark['kind']): Mark[] =>
    from
      .slice(0, wordsShown)
      .filter(({ shift }) => Math.abs(shift) >= leastShift && (kind === 'predicted') === shift > 0)
      .map(({ start, end }) => ({ start, end, kind }));
  return [...shown(shifts, 'predicted'), ...shown(shifts.toReversed(), 'expected')];
}

/** Words with a letter or digit; the pieces around an apostrophe are one. */
function spokenWords(text: string): Word[] {
  const words: Word[] = [];
  for (const word of wordsOf(text)) {
    if (!/[\p{L}\p{N}]/u.test(text.slice(word.start, word.end))) continue;
    const last = words.at(-1);
    if (last && /^['’]$/.test(text.slice(last.end, word.start))) last.end = word.end;
    else words.push({ ...word });
  }
  return words;
}
