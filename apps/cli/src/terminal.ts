import type { Writable } from 'node:stream';
import Table from 'cli-table3';
import pc from 'picocolors';
import { harmlessJson } from './printable.ts';

/** Where commands write, and what that place can show. Passed in, so that tests read what a user would see. */
export interface Terminal {
  readonly out: Writable;
  readonly err: Writable;
  /** Columns; 80 where the output is no terminal, or one that does not know. */
  readonly columns: number;
  readonly colors: ReturnType<typeof pc.createColors>;
}

export interface TerminalOptions {
  readonly out: Writable & { isTTY?: boolean; columns?: number };
  readonly err: Writable;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** Colours on a terminal only, and not where NO_COLOR is set (https://no-color.org). */
export function createTerminal({ out, err, env }: TerminalOptions): Terminal {
  const colours = out.isTTY === true && !env['NO_COLOR'] && env['TERM'] !== 'dumb';
  return { out, err, columns: out.columns || 80, colors: pc.createColors(colours) };
}

export function print(terminal: Terminal, text = ''): void {
  terminal.out.write(`${text}\n`);
}

export function printJson(terminal: Terminal, value: unknown): void {
  print(terminal, harmlessJson(JSON.stringify(value, null, 2)));
}

export interface Column {
  readonly title: string;
  readonly align?: 'left' | 'right';
  /** Gives way first when the terminal is narrow; the others keep their width. */
  readonly shrinks?: boolean;
}

const GAP = 2;
const LEAST_SHRUNK = 12;
const NO_BORDER = {
  top: '',
  'top-mid': '',
  'top-left': '',
  'top-right': '',
  bottom: '',
  'bottom-mid': '',
  'bottom-left': '',
  'bottom-right': '',
  left: '',
  'left-mid': '',
  mid: '',
  'mid-mid': '',
  right: '',
  'right-mid': '',
  middle: ' '.repeat(GAP),
};

/** A plain table that fits the terminal: cells of the columns that may shrink are cut in their middle. */
export function table(
  terminal: Terminal,
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
): string {
  const widths = columnWidths(terminal, columns, rows);
  const made = new Table({
    head: columns.map(({ title }) => terminal.colors.dim(title)),
    chars: NO_BORDER,
    style: { 'padding-left': 0, 'padding-right': 0, head: [], border: [] },
    colWidths: widths,
    colAligns: columns.map(({ align }) => align ?? 'left'),
  });
  for (const row of rows) made.push(row.map((cell, index) => cutMiddle(cell, widths[index] ?? cell.length)));
  return made
    .toString()
    .split('\n')
    .map((line) => line.trimEnd())
    .join('\n');
}

function columnWidths(
  terminal: Terminal,
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
): number[] {
  const natural = columns.map(({ title }, index) =>
    Math.max(visibleLength(title), ...rows.map((row) => visibleLength(row[index] ?? ''))),
  );
  const total = natural.reduce((sum, width) => sum + width, 0) + GAP * (columns.length - 1);
  let excess = total - terminal.columns;
  return natural.map((width, index) => {
    if (excess <= 0 || !columns[index]?.shrinks) return width;
    const cut = Math.min(excess, Math.max(0, width - LEAST_SHRUNK));
    excess -= cut;
    return width - cut;
  });
}

/** An id says most at its ends: the input, and the class. */
function cutMiddle(text: string, width: number): string {
  if (visibleLength(text) <= width || text.includes('\u001b')) return text; // the table cuts coloured ones at their end
  const end = Math.floor((width - 1) * 0.6);
  return `${text.slice(0, width - 1 - end)}…${text.slice(text.length - end)}`;
}

/** Lines of at most so many columns, broken at spaces; a word that is longer is cut. Of plain text. */
export function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (let word of text.split(' ')) {
    const chars = [...word];
    if (line !== '' && [...line].length + 1 + chars.length <= width) {
      line += ` ${word}`;
      continue;
    }
    if (line !== '') lines.push(line);
    for (; chars.length > width; word = chars.join('')) lines.push(chars.splice(0, width).join(''));
    line = word;
  }
  return line === '' ? lines : [...lines, line];
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: the escape character is what is looked for
const SGR = /\u001b\[[0-9;]*m/g;

function visibleLength(text: string): number {
  return text.replace(SGR, '').length;
}

/** `1.2 s`, `340 ms`, `5 min`: short and readable, for people. */
export function duration(ms: number): string {
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${trimZero(ms / 1_000)} s`;
  if (ms < 3_600_000) return `${trimZero(ms / 60_000)} min`;
  if (ms < 86_400_000) return `${trimZero(ms / 3_600_000)} h`;
  return `${trimZero(ms / 86_400_000)} d`;
}

function trimZero(value: number): string {
  return value.toFixed(1).replace(/\.0$/, '');
}

/** How long ago, or `never`. */
export function ago(thenMs: number | null, nowMs: number): string {
  return thenMs === null ? 'never' : `${duration(Math.max(0, nowMs - thenMs))} ago`;
}
