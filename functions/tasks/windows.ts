/**
 * Frames token sequences into model inputs: one window, or several that slide over the longer sequence with `stride`
 * tokens in common. Every token is in at least one window, unless the options ask for less.
 */
import { VeneerError } from '../error.ts';
import type { Encoding, TemplatePiece, Tokenizer } from '../tokenizer/tokenizer.ts';

/** One row of model input. */
export interface Window {
  /** Ids with special tokens, no padding. */
  ids: Int32Array;
  typeIds: Int32Array;
  /** Where the slid sequence's tokens begin in `ids`. */
  position: number;
  /** Index of the first token of the slid sequence in this window, and how many of them are here. */
  first: number;
  count: number;
}

export interface WindowOptions {
  /** Tokens of one window at most, special tokens counted. */
  maxLength: number;
  /** Tokens that neighbouring windows share. */
  stride: number;
  /** Tokens of the sequence that does not slide at most: the rest is cut off. Left out: all of them. */
  maxWhole?: number | undefined;
  /** Only the first window is read: the rest is cut off. */
  truncate?: boolean | undefined;
}

/** Windows over sequence A alone, or over a pair, sliding over `slide` (the other one is whole in each window). */
export function windowsOf(
  tokenizer: Tokenizer,
  { a, b, slide }: { a: Encoding; b?: Encoding; slide: 'A' | 'B' },
  { maxLength, stride, maxWhole, truncate = false }: WindowOptions,
): Window[] {
  const template = b ? tokenizer.pair : tokenizer.single;
  const specials = template.filter(piece => 'special' in piece).length;
  const [slid, given] = slide === 'A' ? [a, b] : [b!, a];
  const whole = given && { ...given, ids: given.ids.subarray(0, maxWhole) };
  const capacity = maxLength - specials - (whole?.ids.length ?? 0);
  // At least one new token a window; and an eighth of the length, so that a long question cannot make thousands of windows.
  if (slid.ids.length > capacity && capacity - (truncate ? 0 : stride) < 1 + maxLength / 8)
    throw new VeneerError(
      'invalid_request',
      `${whole?.ids.length ?? 0} tokens beside the text leave ${Math.max(0, capacity)} of ${maxLength} for a window with stride ${stride}: shorten the question or second text, or lower the stride`,
    );
  const windows: Window[] = [];
  for (let first = 0; ; first += capacity - stride) {
    const count = Math.min(capacity, slid.ids.length - first);
    windows.push(frame(template, { slid, whole, slide, first, count }));
    if (truncate || first + count >= slid.ids.length) return windows;
  }
}

interface Framing {
  slid: Encoding;
  whole: Encoding | undefined;
  slide: 'A' | 'B';
  first: number;
  count: number;
}

function frame(template: readonly TemplatePiece[], { slid, whole, slide, first, count }: Framing): Window {
  const length = template.reduce(
    (sum, piece) => sum + ('special' in piece ? 1 : piece.sequence === slide ? count : whole!.ids.length),
    0,
  );
  const ids = new Int32Array(length);
  const typeIds = new Int32Array(length);
  let at = 0;
  let position = 0;
  for (const piece of template) {
    const start = at;
    if ('special' in piece) ids[at++] = piece.special;
    else if (piece.sequence === slide) {
      position = at;
      ids.set(slid.ids.subarray(first, first + count), at);
      at += count;
    } else {
      ids.set(whole!.ids, at);
      at += whole!.ids.length;
    }
    typeIds.fill(piece.typeId, start, at);
  }
  return { ids, typeIds, position, first, count };
}

/**
 * For each token of the slid sequence, the window in which it is farthest from an edge (most context on its poorer side),
 * as in transformers' SQuAD "max context" rule.
 */
export function bestWindows(windows: readonly Window[], tokens: number): Int32Array {
  const best = new Int32Array(tokens);
  const margin = new Int32Array(tokens).fill(-1);
  windows.forEach(({ first, count }, index) => {
    for (let i = 0; i < count; i++) {
      const context = Math.min(i, count - 1 - i);
      if (context > margin[first + i]!) {
        margin[first + i] = context;
        best[first + i] = index;
      }
    }
  });
  return best;
}
