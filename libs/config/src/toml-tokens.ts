export type StringKind = 'basic' | 'literal' | 'multi-basic' | 'multi-literal';
export type TokenKind = StringKind | 'bare' | 'newline' | 'open' | 'close' | 'comma' | 'equals';

/** A piece of TOML text, `start` inclusive, `end` exclusive. White space and comments are none. */
export interface Token {
  readonly kind: TokenKind;
  readonly start: number;
  readonly end: number;
}

const PUNCTUATION: Readonly<Record<string, TokenKind>> = {
  '\n': 'newline',
  '[': 'open',
  '{': 'open',
  ']': 'close',
  '}': 'close',
  ',': 'comma',
  '=': 'equals',
};
const SPACE = /[ \t\r\ufeff]+/y;
const COMMENT = /#[^\n]*/y;
/** A run without any delimiter, in which a reference counts as one piece although it holds brackets. */
const BARE_PLAIN = /[^ \t\r\n#[\]{},="'$E]+|[$E]/y;
const BARE_REFERENCE = /\$\{\w+\}|ENC\[[^\]\r\n]*\]/y;

/**
 * Cuts TOML text into tokens, in one pass and without recursion. It accepts whatever it is given: broken text gives
 * odd tokens and is refused by the parser afterwards.
 */
export function* tokens(text: string): Generator<Token> {
  let at = 0;
  while (at < text.length) {
    const skipped = matchAt(SPACE, text, at) || matchAt(COMMENT, text, at);
    if (skipped > 0) {
      at += skipped;
      continue;
    }
    const token = tokenAt(text, at);
    yield token;
    at = token.end;
  }
}

function tokenAt(text: string, start: number): Token {
  const character = text.charAt(start);
  const kind = PUNCTUATION[character];
  if (kind !== undefined) return { kind, start, end: start + 1 };
  if (character === '"' || character === "'") return stringAt(text, start, character);
  let end = start;
  for (let length = 1; length > 0; end += length) {
    length = matchAt(BARE_REFERENCE, text, end) || matchAt(BARE_PLAIN, text, end);
  }
  return { kind: 'bare', start, end: Math.max(end, start + 1) };
}

function stringAt(text: string, start: number, quote: string): Token {
  const fence = quote.repeat(3);
  const multi = text.startsWith(fence, start);
  const shape = quote === '"' ? 'basic' : 'literal';
  const kind: StringKind = multi ? `multi-${shape}` : shape;
  for (let at = start + (multi ? 3 : 1); at < text.length; at++) {
    const character = text[at];
    if (character === '\\' && quote === '"') at++;
    else if (character === '\n' && !multi) return { kind, start, end: at };
    else if (character === quote && !multi) return { kind, start, end: at + 1 };
    else if (character === quote && text.startsWith(fence, at))
      return { kind, start, end: fenceEnd(text, at, quote) };
  }
  return { kind, start, end: text.length };
}

/** A multi-line string may end in one or two quotation marks of its own before the closing three. */
function fenceEnd(text: string, at: number, quote: string): number {
  let end = at + 3;
  while (end < at + 5 && text[end] === quote) end++;
  return end;
}

function matchAt(pattern: RegExp, text: string, at: number): number {
  pattern.lastIndex = at;
  return pattern.exec(text)?.[0].length ?? 0;
}

/** The text within a string token's quotation marks, escapes undone where they are the common ones. */
export function stringContent(text: string, { kind, start, end }: Token): string {
  const inside = text.slice(start + fenceLength(kind), end - fenceLength(kind));
  if (kind !== 'basic') return inside;
  try {
    return String(JSON.parse(`"${inside}"`));
  } catch {
    return inside;
  }
}

export function fenceLength(kind: TokenKind): number {
  return kind === 'multi-basic' || kind === 'multi-literal' ? 3 : 1;
}
