const QUOTE = 34;
const BACKSLASH = 92;

/** The most digits of which every integer is a safe one. */
const SAFE_DIGITS = 15;

/**
 * Whether JSON.parse would lose something of this text: a long integer, a NaN or Infinity, a float where a time stands,
 * more depth than allowed. One pass, which knows the inside of a string from the rest; what it says about a text that
 * is not JSON does not matter, since either reader refuses that.
 */
export function needsExactReader(text: string, maxDepth: number): boolean {
  const length = text.length;
  let depth = 0;
  let stringStart = 0;
  let stringEnd = 0;
  let afterColon = false;
  let i = 0;
  while (i < length) {
    const c = text.charCodeAt(i);
    if (c === QUOTE) {
      stringStart = ++i;
      i = endOfString(text, i);
      stringEnd = i++;
    } else if (c === 44 || c === 125 || c === 93) {
      afterColon = false; // , } ]
      if (c !== 44) depth -= 1;
      i += 1;
    } else if (c === 58) {
      afterColon = true; // :
      i += 1;
    } else if (c === 123 || c === 91) {
      depth += 1; // { [
      if (depth > maxDepth) return true;
      afterColon = false;
      i += 1;
    } else if (c >= 48 && c <= 57) {
      const start = i;
      i = endOfDigits(text, i + 1);
      const next = text.charCodeAt(i);
      if (next === 46 || next === 101 || next === 69) {
        if (afterColon && isTimeKey(text, stringStart, stringEnd)) return true;
        i = endOfFloat(text, i + 1);
      } else if (i - start > SAFE_DIGITS) {
        return true;
      }
    } else if (c === 78 || c === 73) {
      return true; // NaN, Infinity
    } else {
      i += 1;
    }
  }
  return false;
}

function endOfString(text: string, from: number): number {
  const length = text.length;
  let i = from;
  while (i < length) {
    const c = text.charCodeAt(i);
    if (c === QUOTE) return i;
    i += c === BACKSLASH ? 2 : 1;
  }
  return i;
}

/** Where the run of decimal digits that begins at `from` ends. */
export function endOfDigits(text: string, from: number): number {
  let i = from;
  for (;;) {
    const c = text.charCodeAt(i);
    if (!(c >= 48 && c <= 57)) return i;
    i += 1;
  }
}

function endOfFloat(text: string, from: number): number {
  let i = from;
  for (;;) {
    const c = text.charCodeAt(i);
    if (!((c >= 48 && c <= 57) || c === 46 || c === 43 || c === 45 || c === 101 || c === 69)) return i;
    i += 1;
  }
}

/** Keys count whatever their case: DataKit reads them so. An escaped `time` is not worth a thought: json.dumps has none. */
function isTimeKey(text: string, start: number, end: number): boolean {
  return end - start === 4 && text.slice(start, end).toLowerCase() === 'time';
}
