const NEWLINE = 10;
const SPACE = 32;
const QUOTE = 34;
const COMMA = 44;
const EQUALS = 61;
const BACKSLASH = 92;

/**
 * Takes a body of line protocol apart. A newline inside a quoted string field belongs to the field, so this follows
 * the rule of the parser that DataKit uses (`scanLine` of influxdb's models package): quotes count only as the start
 * or end of a field's value. Empty lines are left out. `expected` spares the walk when the newlines alone explain it.
 */
export function splitLines(body: string, expected?: number): string[] {
  const naive = body.split('\n').filter((line) => line !== '');
  if (naive.length === expected) return naive;
  const lines: string[] = [];
  for (let start = 0; start < body.length; ) {
    const end = endOfLine(body, start);
    if (end > start) lines.push(body.slice(start, end));
    start = end + 1;
  }
  return lines;
}

function endOfLine(body: string, start: number): number {
  let inFields = false;
  let quoted = false;
  // More equals signs than commas: the next thing is a value.
  let valueIsNext = 0;
  let i = start;
  for (; i < body.length; i++) {
    const character = body.charCodeAt(i);
    if (character === BACKSLASH && i + 2 < body.length) i++;
    else if (character === SPACE) inFields = true;
    else if (character === NEWLINE && !quoted) break;
    else if (!inFields) continue;
    else if (character === QUOTE && valueIsNext > 0) quoted = !quoted;
    else if (character === EQUALS && !quoted) valueIsNext++;
    else if (character === COMMA && !quoted) valueIsNext--;
  }
  return i;
}
