/** Control characters, and marks that turn the direction of the text: what a script printed must not drive a terminal. */
const UNPRINTABLE = /[\p{Cc}\p{Zl}\p{Zp}\u061C\u200E\u200F\u202A-\u202E\u2066-\u2069]/gu;

/** A text on one line, harmless to a terminal. */
export function oneLine(text: string): string {
  return text.replace(UNPRINTABLE, escaped);
}

/** A text of several lines, harmless to a terminal: newlines and tabs stay. */
export function manyLines(text: string): string {
  return text.replace(UNPRINTABLE, (char) => (char === '\n' || char === '\t' ? char : escaped(char)));
}

export function indent(text: string, by = '    '): string {
  return manyLines(text)
    .replace(/\n$/, '')
    .split('\n')
    .map((line) => by + line)
    .join('\n');
}

/** JSON whose strings hold nothing that drives a terminal; parsed, it is the same. */
export function harmlessJson(json: string): string {
  return json.replace(UNPRINTABLE, (char) =>
    char === '\n' ? char : `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

function escaped(char: string): string {
  const code = char.codePointAt(0) ?? 0;
  return code < 0x100 ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u{${code.toString(16)}}`;
}
