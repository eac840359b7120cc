/** A text cut into marked and plain parts, with long plain stretches left out. Knows nothing of tasks and of HTML. */

/** `agreed` is where expectation and prediction meet. */
export type MarkKind = 'expected' | 'predicted' | 'agreed';

export interface Mark {
  /** UTF-16 offsets into the text. */
  start: number;
  end: number;
  kind: MarkKind;
  /** Shown behind it, such as an entity's type. */
  note?: string;
}

export interface Part {
  text: string;
  kind?: MarkKind;
  note?: string;
}

/** Parts that spell the text. Marks may overlap and lie outside of it. */
export function partsOf(text: string, marks: readonly Mark[]): Part[] {
  const within = marks
    .map(mark => ({ ...mark, start: Math.max(0, mark.start), end: Math.min(text.length, mark.end) }))
    .filter(({ start, end }) => start < end);
  const edges = [...new Set([0, text.length, ...within.flatMap(({ start, end }) => [start, end])])];
  edges.sort((a, b) => a - b);
  const parts: Part[] = [];
  for (let i = 0; i + 1 < edges.length; i++) {
    const [start, end] = [edges[i]!, edges[i + 1]!];
    const over = within.filter(mark => mark.start <= start && mark.end >= end);
    const kinds = new Set(over.map(({ kind }) => kind));
    const notes = over.filter(mark => mark.end === end && mark.note !== undefined).map(({ note }) => note);
    const kind = kinds.size > 1 ? 'agreed' : over[0]?.kind;
    const last = parts.at(-1);
    if (last && last.kind === kind && last.note === undefined) last.text += text.slice(start, end);
    else parts.push({ text: text.slice(start, end), ...(kind ? { kind } : {}) });
    if (notes.length > 0) parts.at(-1)!.note = notes.join(', ');
  }
  return parts;
}

/** Keeps so many UTF-16 units on either side of a mark; a text without marks keeps its beginning. */
export function excerptOf(parts: readonly Part[], radius = 240): Part[] {
  return parts.map((part, i) => {
    const { text, kind } = part;
    if (text.length <= 2 * radius + 20) return part;
    const marked = kind !== undefined;
    const alone = parts.length === 1;
    const head = marked || i > 0 || alone ? text.slice(0, cutBefore(text, alone ? 2 * radius : radius)) : '';
    const tail = marked || i + 1 < parts.length ? text.slice(cutAfter(text, text.length - radius)) : '';
    return { ...part, text: [head, '…', tail].filter(piece => piece !== '').join(' ') };
  });
}

/** A place near `at` that splits no word where one is near, and no code point in any case. */
function cutBefore(text: string, at: number): number {
  const space = text.lastIndexOf(' ', at);
  if (space > Math.max(0, at - 30)) return space;
  return isLowSurrogate(text, at) ? at - 1 : at;
}

function cutAfter(text: string, at: number): number {
  const space = text.indexOf(' ', at - 1);
  if (space >= 0 && space < at + 30) return space + 1;
  return isLowSurrogate(text, at) ? at + 1 : at;
}

function isLowSurrogate(text: string, at: number): boolean {
  const unit = text.charCodeAt(at);
  return unit >= 0xdc00 && unit < 0xe000;
}
