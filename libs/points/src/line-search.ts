const BACKSLASH = 92;

/** The first of `chars` from `from` on that has no backslash right before it; -1 where there is none. */
export function findBare(text: string, from: number, chars: string): number {
  for (let i = from; i < text.length; i += 1) {
    if (chars.includes(text.charAt(i)) && text.charCodeAt(i - 1) !== BACKSLASH) return i;
  }
  return -1;
}

/** The first `char` from `from` on with an even number of backslashes before it; -1 where there is none. */
export function findUnescaped(text: string, from: number, char: string): number {
  for (let i = text.indexOf(char, from); i !== -1; i = text.indexOf(char, i + 1)) {
    let slashes = 0;
    while (i - slashes > from && text.charCodeAt(i - slashes - 1) === BACKSLASH) slashes += 1;
    if (slashes % 2 === 0) return i;
  }
  return -1;
}

/** The first `char` from `from` on that stands outside quotes and behind no backslash; -1 where there is none. */
export function findUnnested(text: string, from: number, char: string): number {
  let i = from;
  while (i < text.length) {
    if (text.charCodeAt(i) === BACKSLASH) i += 2;
    if (text.charAt(i) === '"') {
      const end = findUnescaped(text, i + 1, '"');
      if (end === -1) return -1;
      i = end + 1;
    }
    if (text.charAt(i) === char) return i;
    i += 1;
  }
  return -1;
}

/** Spaces, tabs and NULs go before a line, before its fields and before its time. */
export function skipBlank(text: string, from: number): number {
  let i = from;
  while (
    i < text.length &&
    (text.charCodeAt(i) === 32 || text.charCodeAt(i) === 9 || text.charCodeAt(i) === 0)
  )
    i += 1;
  return i;
}

/**
 * Where the line that begins at `from` ends. A line feed in a string does not end it, and what counts as a string is
 * guessed from the equals signs and commas behind the first bare space. A second array bracket within one, or one that
 * closes nothing, ends the line right there.
 */
export function endOfLine(text: string, from: number): number {
  let quoted = false;
  let inFields = false;
  let equals = 0;
  let commas = 0;
  let depth = 0;
  let i = from;
  while (i < text.length) {
    const c = text.charCodeAt(i);
    if (c === BACKSLASH && i + 2 < text.length) {
      i += 2;
      continue;
    }
    if (c === 32) inFields = true;
    if (c === 10 && !quoted) return i;
    if (inFields && c === 34 && equals > commas) quoted = !quoted;
    else if (inFields && !quoted) {
      if (c === 61) equals += 1;
      else if (c === 44 && depth === 0) commas += 1;
      else if (c === 91 || c === 93) {
        depth += c === 91 ? 1 : -1;
        if (depth > 1 || depth < 0) return i + 1;
      }
    }
    i += 1;
  }
  return i;
}
