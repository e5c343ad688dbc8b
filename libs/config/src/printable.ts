/**
 * Characters that a terminal or a page acts on instead of showing: controls, line and paragraph separators, and
 * the marks that turn the direction of text round. In a name they make one collector look like another.
 */
const UNSHOWABLE = /[\p{Cc}\u2028\u2029\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/u;
const EVERY_UNSHOWABLE = new RegExp(UNSHOWABLE.source, 'gu');

/** The first such character as `U+202E`; null when the text has none. */
export function unshowable(text: string): string | null {
  const found = UNSHOWABLE.exec(text)?.[0];
  return found === undefined ? null : `U+${hex(found)}`;
}

/** Text that can stand in a message: one line, nothing invisible, at most `max` characters. */
export function printable(text: string, max = 60): string {
  const cut = [...text.slice(0, 2 * max)].slice(0, max).join('');
  const shown = cut.replace(EVERY_UNSHOWABLE, (character) => `\\u{${hex(character)}}`);
  return cut.length < text.length ? `${shown}…` : shown;
}

export function quoted(text: string, max = 60): string {
  return `'${printable(text, max)}'`;
}

function hex(character: string): string {
  return (character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0');
}
