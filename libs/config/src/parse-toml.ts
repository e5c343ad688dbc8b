import { parse, TomlError } from 'smol-toml';
import { MAX_DEPTH } from './toml-outline.ts';

/** A TOML table. Tables have no prototype, so that a key `__proto__` or `constructor` is a key like any other. */
export type Table = Readonly<Record<string, unknown>>;

export type TomlReading =
  | { readonly ok: true; readonly table: Table }
  /** `line` and `column` count from 1; `reason` holds nothing of the text. */
  | { readonly ok: false; readonly reason: string; readonly line: number; readonly column: number };

export function parseToml(text: string): TomlReading {
  try {
    return { ok: true, table: parse(text, { maxDepth: MAX_DEPTH, integersAsBigInt: 'asNeeded' }) };
  } catch (error) {
    // Text is never our own mistake: whatever the parser stumbles over, it is the file that can't be used.
    if (!(error instanceof TomlError)) return { ok: false, reason: 'the parser gave up', line: 1, column: 1 };
    // The rest of the message quotes the text, and with it what a variable or a secret was expanded to.
    const [first = ''] = error.message.split('\n');
    const reason = first.replace(/^Invalid TOML document: /, '').replace(/\.$/, '');
    return { ok: false, reason, line: error.line, column: error.column };
  }
}

export function isTable(value: unknown): value is Table {
  return typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === null;
}
