/** Names of labels that are words, `card_arrival` or `cardArrival`: each says of its class what an example says. */

/** What stands between words. */
const separators = /[\s_\-./:|+&]+|(?<=\p{Ll})(?=\p{Lu})/u;
/** What is called a class, with its number or without, is not named. */
const generic = /^(?:labels?|class(?:es)?|categor(?:y|ies)|cat|tags?|types?|topics?|intents?|id|no|nr)$/i;
/** Two letters, or one character of a script in which that can be a word. */
const isWord = (part: string) => /\p{L}\p{M}*\p{L}|[\p{scx=Han}\p{scx=Hira}\p{scx=Kana}]/u.test(part);

/** `LABEL_3`, `17` and `b` have none. */
export function wordsOf(label: string): string | undefined {
  const parts = label.split(separators).filter(part => part !== '');
  return parts.some(part => isWord(part) && !generic.test(part.replace(/\d+$/, '')))
    ? parts.join(' ')
    : undefined;
}

/** By label. Of labels that say the same, none does. */
export function labelNames(labels: readonly string[]): Map<string, string> {
  const named = labels.flatMap(label => {
    const words = wordsOf(label);
    return words === undefined ? [] : [[label, words] as const];
  });
  const times = new Map<string, number>();
  const fold = (words: string) => words.toLowerCase();
  for (const [, words] of named) times.set(fold(words), (times.get(fold(words)) ?? 0) + 1);
  return new Map(named.filter(([, words]) => times.get(fold(words)) === 1));
}
