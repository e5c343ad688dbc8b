import type { Edit } from './edits.ts';
import { parseToml } from './parse-toml.ts';
import type { Reference } from './toml-outline.ts';
import { fenceLength } from './toml-tokens.ts';

/** A reference within its token: where, and its value, or null when it stays. */
export interface Resolved {
  readonly start: number;
  readonly end: number;
  readonly value: string | null;
}

/** The edits that put the values of a token's references in, so that the text around them stays what it is. */
export function editsOf(text: string, { token, isValue }: Reference, found: readonly Resolved[]): Edit[] {
  const { kind, start, end } = token;
  const piece = text.slice(start, end);
  const known = found.filter(({ value }) => value !== null);
  if (kind === 'basic' || kind === 'multi-basic') return inPlace(start, known, escapeBasic);
  if (kind === 'literal' || kind === 'multi-literal') {
    return known.length > 0 && isClosed(piece, fenceLength(kind)) ? [asBasic(token, piece, known)] : [];
  }
  if (!isValue) return inPlace(start, known, (value) => value);
  if (found.length === 0) return [];
  return [{ start, end, text: found.length > known.length ? quote(piece) : asValue(piece, known) }];
}

function inPlace(offset: number, known: readonly Resolved[], write: (value: string) => string): Edit[] {
  return known.map(({ start, end, value }) => ({
    ...{ start: offset + start, end: offset + end },
    text: write(value ?? ''),
  }));
}

/** What a token without quotation marks becomes when everything in it expands. */
function asValue(piece: string, known: readonly Resolved[]): string {
  let text = '';
  let at = 0;
  for (const { start, end, value } of known) {
    text += piece.slice(at, start) + (value ?? '');
    at = end;
  }
  text += piece.slice(at);
  return parseToml(`x = ${text}`).ok || parseToml(`x = [${text}]`).ok ? text : quote(text);
}

function quote(text: string): string {
  return `"${escapeBasic(text)}"`;
}

/** A literal string has no escapes, so that it can't hold every value: it is rewritten as a basic one. */
function asBasic({ kind, start, end }: Reference['token'], piece: string, known: readonly Resolved[]): Edit {
  const fence = '"'.repeat(fenceLength(kind));
  let at = fence.length;
  let content = '';
  for (const one of known) {
    content += keepLines(piece.slice(at, one.start)) + escapeBasic(one.value ?? '');
    at = one.end;
  }
  content += keepLines(piece.slice(at, piece.length - fence.length));
  return { start, end, text: `${fence}${content}${fence}` };
}

function isClosed(piece: string, fence: number): boolean {
  return piece.length >= 2 * fence && piece.endsWith("'".repeat(fence));
}

function keepLines(literal: string): string {
  return literal.replace(/["\\]/g, '\\$&');
}

/** For the inside of a basic string: every character that TOML forbids there is escaped. */
function escapeBasic(value: string): string {
  return value.replace(/["\\\p{Cc}]/gu, (character) =>
    character === '"' || character === '\\'
      ? `\\${character}`
      : `\\u${(character.codePointAt(0) ?? 0).toString(16).padStart(4, '0')}`,
  );
}
