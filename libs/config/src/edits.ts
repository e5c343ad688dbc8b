/** One replacement in a text: `[start, end)` becomes `text`. */
export interface Edit {
  readonly start: number;
  readonly end: number;
  readonly text: string;
}

/** A text after its edits, which still knows where each of its characters came from. */
export interface EditedText {
  readonly text: string;
  /** The span of the original text that `[start, end)` of this one stands for, whole edits included. */
  originalSpan(start: number, end: number): readonly [number, number];
}

interface Placed extends Edit {
  /** Where the replacement begins and ends in the new text. */
  readonly newStart: number;
  readonly newEnd: number;
}

/** Applies edits that are sorted and do not overlap. */
export function applyEdits(original: string, edits: readonly Edit[]): EditedText {
  const placed: Placed[] = [];
  const pieces: string[] = [];
  let at = 0;
  let length = 0;
  for (const edit of edits) {
    const kept = original.slice(at, edit.start);
    pieces.push(kept, edit.text);
    const newStart = length + kept.length;
    length = newStart + edit.text.length;
    placed.push({ ...edit, newStart, newEnd: length });
    at = edit.end;
  }
  pieces.push(original.slice(at));
  return {
    text: pieces.join(''),
    originalSpan: (start, end) => [back(placed, start).start, back(placed, Math.max(start, end - 1)).end],
  };
}

/** The original span of one character of the new text: itself, or all of the edit that made it. */
function back(placed: readonly Placed[], offset: number): { start: number; end: number } {
  const before = placed[lastAtMost(placed, offset, ({ newStart }) => newStart)];
  if (before === undefined) return { start: offset, end: offset + 1 };
  if (offset < before.newEnd) return { start: before.start, end: before.end };
  const start = before.end + (offset - before.newEnd);
  return { start, end: start + 1 };
}

/** Tells the line, counted from 1, of any offset of a text. */
export function lineIndex(text: string): (offset: number) => number {
  const starts = [0];
  for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) starts.push(at + 1);
  return (offset) => lastAtMost(starts, offset, (start) => start) + 1;
}

/** The index of the last item, of items in rising order, whose number is at most `limit`; -1 when none is. */
function lastAtMost<T>(items: readonly T[], limit: number, number: (item: T) => number): number {
  let low = 0;
  let high = items.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    const item = items[middle];
    if (item !== undefined && number(item) <= limit) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}
