/** A conversation as the context of a question: its turns joined with speaker marks, and which tokens are of which turn. */
import type { Encoding } from '../tokenizer/tokenizer.ts';

export interface Turn {
  speaker: string;
  text: string;
}

/** Where a turn's text is in the joined context, in UTF-16 code units. */
export interface TurnPlace {
  start: number;
  end: number;
}

/** A line a turn: `agent: Where is it?`. The mark is no part of the turn. */
export function joinTurns(turns: readonly Turn[]): { context: string; places: TurnPlace[] } {
  let context = '';
  const places = turns.map(({ speaker, text }, index) => {
    context += `${index === 0 ? '' : '\n'}${speaker}: `;
    const start = context.length;
    context += text;
    return { start, end: context.length };
  });
  return { context, places };
}

/** Of each token the index of its turn; -1 where some of it is a speaker mark. Space before a token's word is no one's. */
export function turnsOfTokens(
  { starts, ends }: Pick<Encoding, 'starts' | 'ends'>,
  context: string,
  places: readonly TurnPlace[],
): Int32Array {
  let turn = 0;
  return Int32Array.from(starts, (from, token) => {
    const to = ends[token]!;
    let start = from;
    while (start < to && /\s/.test(context[start]!)) start++;
    while (turn < places.length && places[turn]!.end < to) turn++;
    const place = places[turn];
    return place && start >= place.start && to <= place.end ? turn : -1;
  });
}
