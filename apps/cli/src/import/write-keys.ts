import { type NeededKey, tomlOf } from '../survey/finding.ts';

/** A key to be written into a block, and why. */
export interface KeyToWrite extends NeededKey {
  readonly why: string;
}

export interface KeysOfBlock {
  /** Of the block's header, counted from 1. */
  readonly line: number;
  readonly keys: readonly KeyToWrite[];
}

export interface WrittenKeys {
  readonly text: string;
  /** Those that could not be written: the block has such a key already, or no header of its own. */
  readonly left: readonly KeyToWrite[];
}

const HEADER = /^\s*\[\[?\s*inputs\.pythond\s*\]\]?/;
const ANY_HEADER = /^\s*\[/;

/**
 * Writes keys below the headers of their blocks, each with a comment that says why. Nothing else of the text changes:
 * comments, order and line ends stay.
 */
export function writeKeys(text: string, blocks: readonly KeysOfBlock[]): WrittenKeys {
  const lines = text.split('\n');
  const left: KeyToWrite[] = [];
  // from the end, so that the lines of earlier blocks stay where they are
  for (const { line, keys } of [...blocks].sort((a, b) => b.line - a.line)) {
    const header = lines[line - 1] ?? '';
    const own = HEADER.test(header) ? ownLines(lines, line) : null;
    const writable = keys.filter(({ name }) => own !== null && !own.some((one) => isKey(one, name)));
    left.push(...keys.filter((key) => !writable.includes(key)));
    if (own === null) continue;
    const end = header.endsWith('\r') ? '\r' : '';
    const indent =
      /^\s*(?=[A-Za-z"'])/.exec(own.find((one) => /^\s*[A-Za-z"']/.test(one)) ?? '  x')?.[0] ?? '';
    const added = writable.flatMap((key) => [`${indent}# ${key.why}${end}`, `${indent}${tomlOf(key)}${end}`]);
    if (lines.length === line && added.length > 0) lines.push(''); // the header was the last line, without an end
    lines.splice(line, 0, ...added);
  }
  return { text: lines.join('\n'), left };
}

function ownLines(lines: readonly string[], header: number): string[] {
  const rest = lines.slice(header);
  const next = rest.findIndex(
    (one) => ANY_HEADER.test(one) && /^\s*\[\[?[\w\s."']+\]\]?\s*(?:#.*)?\r?$/.test(one),
  );
  return next < 0 ? rest : rest.slice(0, next);
}

function isKey(line: string, name: string): boolean {
  return new RegExp(`^\\s*["']?${name}["']?\\s*=`).test(line);
}
