/**
 * How long a text is and where it is cut. DataKit counts bytes; here texts are either JavaScript strings, or "byte
 * strings" whose every char code is one byte (latin1), which keep what is not UTF-8.
 */
export interface TextRules {
  byteLength(text: string): number;
  cut(text: string, maxBytes: number): string;
  /** The text as people read it. */
  show(text: string): string;
}

export const byteStrings: TextRules = {
  byteLength: (text) => text.length,
  cut: (text, maxBytes) => text.slice(0, maxBytes),
  show: (text) => Buffer.from(text, 'latin1').toString('utf8'),
};

/**
 * For what we send. A cut keeps the character that lies across the limit whole: DataKit then cuts the very byte that it
 * would have cut of the original, where a cut before that character would store less (vector json-tagval-len-utf8-cut).
 */
export const utf8Strings: TextRules = {
  byteLength: utf8Length,
  cut: cutCovering,
  show: (text) => text,
};

export function utf8Length(text: string): number {
  return Buffer.byteLength(text, 'utf8');
}

/** The shortest run of whole characters that covers `maxBytes`. */
function cutCovering(text: string, maxBytes: number): string {
  let bytes = 0;
  let end = 0;
  while (end < text.length && bytes < maxBytes) {
    const point = text.codePointAt(end) ?? 0;
    bytes += point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
    end += point > 0xffff ? 2 : 1;
  }
  return text.slice(0, end);
}

const printable = /[\p{L}\p{M}\p{N}\p{P}\p{S} ]/u;
const shortEscapes: Readonly<Record<string, string>> = {
  '\x07': '\\a',
  '\b': '\\b',
  '\f': '\\f',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
  '\v': '\\v',
  '"': '\\"',
  '\\': '\\\\',
};

/** A text in quotes as DataKit prints it in messages (Go's %q). */
export function goQuote(text: string): string {
  let quoted = '"';
  for (const char of text) quoted += shortEscapes[char] ?? (printable.test(char) ? char : escapeChar(char));
  return `${quoted}"`;
}

function escapeChar(char: string): string {
  const code = char.codePointAt(0) ?? 0;
  if (code < 0x80) return `\\x${code.toString(16).padStart(2, '0')}`;
  return code < 0x10000
    ? `\\u${code.toString(16).padStart(4, '0')}`
    : `\\U${code.toString(16).padStart(8, '0')}`;
}
