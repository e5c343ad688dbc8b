import { applyEdits, type Edit, type EditedText, lineIndex } from './edits.ts';
import { type Entry, type Header, type Outline, outline } from './toml-outline.ts';

/** Where one `[[inputs.pythond]]` block and its keys stand in the file as the user wrote it. */
export interface BlockPlace {
  readonly line: number;
  /** The line of a key, the block's own where the key can't be found. */
  lineOf(key: string): number;
  /** The value as it was written, before any expansion; null where it can't be found. */
  written(key: string): string | null;
}

/** A file's text as written, as expanded, and the outline of the latter. */
export interface LocatedText {
  readonly original: string;
  readonly edited: EditedText;
  readonly outline: Outline;
  /** The line, in the file as written, of an offset of the expanded text. */
  lineOf(offset: number): number;
}

export function locate(original: string, written: Outline, edits: readonly Edit[]): LocatedText {
  const edited = applyEdits(original, edits);
  const line = lineIndex(original);
  return {
    original,
    edited,
    outline: edits.length === 0 ? written : outline(edited.text),
    lineOf: (offset) => line(edited.originalSpan(offset, offset + 1)[0]),
  };
}

const BLOCK = ['inputs', 'pythond'];

/**
 * The places of a file's blocks, in order. Blocks written inline (`inputs = { pythond = [ … ] }`) have no header of
 * their own: they all get the line of the key that holds them.
 */
export function locateBlocks(located: LocatedText, count: number): BlockPlace[] {
  const { headers, entries } = located.outline;
  const starts = headers.flatMap((header, i) => (isPath(header.path, BLOCK) ? [i] : []));
  if (starts.length !== count) return Array.from({ length: count }, () => inlinePlace(located));
  const byHeader = groupByHeader(entries);
  return starts.map((first, i) => {
    const own = headers.slice(first, starts[i + 1] ?? headers.length);
    return headerPlace(located, own, byHeader.get(own[0] ?? null) ?? []);
  });
}

function groupByHeader(entries: readonly Entry[]): Map<Header | null, Entry[]> {
  const groups = new Map<Header | null, Entry[]>();
  for (const entry of entries) {
    const group = groups.get(entry.header);
    if (group) group.push(entry);
    else groups.set(entry.header, [entry]);
  }
  return groups;
}

function inlinePlace(located: LocatedText): BlockPlace {
  const holder = located.outline.entries.find(({ header, path }) => {
    const whole = [...(header?.path ?? []), ...path];
    return isPath(whole, BLOCK) || isPath(whole, BLOCK.slice(0, 1));
  });
  const line = located.lineOf(holder?.start ?? 0);
  return { line, lineOf: () => line, written: () => null };
}

/** `headers`: the block's own, then those of its tables, and whatever else follows before the next block. */
function headerPlace(
  located: LocatedText,
  headers: readonly Header[],
  entries: readonly Entry[],
): BlockPlace {
  const [own, ...others] = headers;
  const find = (key: string): Entry | undefined => entries.find(({ path }) => path[0] === key);
  const line = located.lineOf(own?.start ?? 0);
  return {
    line,
    lineOf: (key) => {
      const table = others.find(({ path }) => path[2] === key && isPath(path.slice(0, 2), BLOCK));
      const start = find(key)?.start ?? table?.start;
      return start === undefined ? line : located.lineOf(start);
    },
    written: (key) => {
      const entry = find(key);
      return entry === undefined || entry.path.length > 1 ? null : original(located, entry);
    },
  };
}

function original({ original: text, edited }: LocatedText, { valueStart, valueEnd }: Entry): string | null {
  return valueStart < 0 ? null : text.slice(...edited.originalSpan(valueStart, valueEnd));
}

export function isPath(path: readonly string[], wanted: readonly string[]): boolean {
  return path.length === wanted.length && wanted.every((segment, i) => path[i] === segment);
}
