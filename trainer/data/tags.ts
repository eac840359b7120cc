/**
 * Tag schemes of labeling files, told apart over a whole file and converted to IOB2.
 *
 * The prefixes of the file decide the family: only B and I: IOB1 or IOB2; else the first of BMES, BIOES, BILOU that has
 * all of them; else an error. IOB1 is a file with I- tags that start an entity and no B- tag that could be an I-
 * (IOB1 writes B- only right after an entity of the same type). All convert by one rule: B, S and U start an entity; I, M, E
 * and L go on with an open entity of their type and start one where none is open (as conlleval does). The latter is a
 * fault outside IOB1: annotated data in the wild has it, so it is counted and told rather than refused.
 */
import { VeneerError } from '../../functions/error.ts';
import { type LabelingExample, wordPlace } from './dataset.ts';

const schemes = { IOB: 'BI', BMES: 'BMES', BIOES: 'BIES', BILOU: 'BILU' } as const;
type Scheme = keyof typeof schemes;

/** A sentence as it stands in the file, its tags in the file's own scheme. */
export type TaggedSentence = LabelingExample;

/** Whether some scheme has the tag: `O`, or a known prefix, a dash and a type. */
export function isTag(tag: string): boolean {
  return /^(?:O|[BIMESLU]-.+)$/u.test(tag);
}

export function toIob2(
  sentences: TaggedSentence[],
  file: string,
): { examples: LabelingExample[]; note: string } {
  const scheme = schemeOf(sentences);
  let starts = 0;
  let orphans = 0;
  let firstOrphan = '';
  const examples = sentences.map(sentence => {
    let open = '';
    const converted = sentence.tags.map((tag, index) => {
      const prefix = tag.charAt(0);
      const type = tag.slice(2);
      const previous = open;
      open = 'ELSU'.includes(prefix) ? '' : type;
      if (prefix === 'O') return 'O';
      const inside = 'IMEL'.includes(prefix);
      if (inside && previous === type) return `I-${type}`;
      if (inside && orphans++ === 0) firstOrphan = `${wordPlace(sentence, index)}: ${tag}`;
      if (prefix === 'B' && previous !== type) starts++;
      return `B-${type}`;
    });
    return { ...sentence, tags: converted };
  });
  const isIob1 = scheme === 'IOB' && orphans > 0 && starts === 0;
  const name = scheme === 'IOB' ? (isIob1 ? 'IOB1' : 'IOB2') : scheme;
  const conversion = name === 'IOB2' ? '' : ', converted to IOB2';
  const faults =
    orphans > 0 && !isIob1 ? `; ${orphans} tags inside no entity start one (first: ${firstOrphan})` : '';
  return { examples, note: `${file}: tags are ${name}${conversion}${faults}` };
}

function schemeOf(sentences: TaggedSentence[]): Scheme {
  const seen = new Set<string>();
  let found: Scheme | undefined = 'IOB';
  for (const sentence of sentences) {
    for (const [index, tag] of sentence.tags.entries()) {
      const prefix = tag.charAt(0);
      if (prefix === 'O' || seen.has(prefix)) continue;
      const before = [...seen].join(', ');
      seen.add(prefix);
      found = (Object.keys(schemes) as Scheme[]).find(name =>
        [...seen].every(each => schemes[name].includes(each)),
      );
      if (found === undefined)
        throw new VeneerError(
          'invalid_data',
          `${wordPlace(sentence, index)}: ${JSON.stringify(tag)} does not go with the prefixes ${before} before it: no scheme of IOB1, IOB2, BMES, BIOES, BILOU has all of them`,
        );
    }
  }
  return found;
}
