import { REFERENCE } from './reference.ts';
import { stringContent, type Token, tokens } from './toml-tokens.ts';

/** `[a.b]` or, with `array`, `[[a.b]]`. */
export interface Header {
  readonly path: readonly string[];
  readonly array: boolean;
  readonly start: number;
}

/** `key = value` outside of every inline table. `path` is the key's own, without its header's. */
export interface Entry {
  readonly header: Header | null;
  readonly path: readonly string[];
  readonly start: number;
  valueStart: number;
  valueEnd: number;
}

/** A token that holds `$NAME` or `ENC[…]`, and the keys that it stands under, headers included. */
export interface Reference {
  readonly token: Token;
  readonly keys: readonly string[];
  readonly isValue: boolean;
}

export interface Outline {
  readonly headers: readonly Header[];
  readonly entries: readonly Entry[];
  readonly references: readonly Reference[];
  /** Where brackets or dotted keys first went deeper than {@link MAX_DEPTH}; nothing after it is in the outline. */
  readonly tooDeepAt: number | null;
}

export const MAX_DEPTH = 64;

/** An open bracket: the keys that lead to it, and the key being read or written within it. */
interface Frame {
  readonly table: boolean;
  readonly path: readonly string[];
  key: string[];
  inValue: boolean;
}

/**
 * Finds what a TOML parser does not tell: where headers, keys and values stand. The parser is the judge of what is
 * TOML; of text that it refuses, only the depth is of interest.
 */
export function outline(text: string): Outline {
  const builder = new OutlineBuilder(text);
  for (const token of tokens(text)) {
    builder.take(token);
    if (builder.tooDeepAt !== null) break;
  }
  return builder;
}

class OutlineBuilder implements Outline {
  readonly headers: Header[] = [];
  readonly entries: Entry[] = [];
  readonly references: Reference[] = [];
  tooDeepAt: number | null = null;

  readonly #text: string;
  #frames: Frame[] = [{ table: true, path: [], key: [], inValue: false }];
  /** The header whose brackets are open, not yet in `headers`. */
  #opening: { path: string[]; array: boolean; start: number } | null = null;
  #lineIsEmpty = true;
  #keyStart = 0;
  #entry: Entry | null = null;

  constructor(text: string) {
    this.#text = text;
  }

  take(token: Token): void {
    if (token.kind === 'newline') this.#newline();
    else if (this.#opening) this.#inHeader(token, this.#opening);
    else this.#inBody(token);
    if (token.kind !== 'newline') this.#lineIsEmpty = false;
    if (this.#frames.length > MAX_DEPTH || this.#top.key.length > MAX_DEPTH) this.tooDeepAt = token.start;
  }

  get #top(): Frame {
    return this.#frames.at(-1) as Frame;
  }

  #newline(): void {
    this.#lineIsEmpty = true;
    this.#opening = null;
    if (this.#frames.length > 1) return;
    this.#entry = null;
    this.#frames = [{ table: true, path: this.headers.at(-1)?.path ?? [], key: [], inValue: false }];
  }

  #inHeader(token: Token, header: { path: string[]; array: boolean; start: number }): void {
    if (token.kind === 'open') header.array = header.path.length === 0;
    else if (token.kind === 'close') {
      this.headers.push(header);
      this.#opening = null;
      this.#top.inValue = true;
    } else if (token.kind === 'bare' || token.kind === 'basic' || token.kind === 'literal') {
      for (const segment of this.#segments(token)) header.path.push(segment);
      this.#refer(token, header, false);
      if (header.path.length > MAX_DEPTH) this.tooDeepAt = token.start;
    }
  }

  #inBody(token: Token): void {
    const top = this.#top;
    const isHeader = token.kind === 'open' && this.#frames.length === 1 && this.#lineIsEmpty;
    if (isHeader) this.#opening = { path: [], array: false, start: token.start };
    else if (top.inValue) this.#inValue(token, top);
    else if (token.kind === 'equals') this.#beginValue(top);
    else if (token.kind === 'bare' || token.kind === 'basic' || token.kind === 'literal')
      this.#inKey(token, top);
    else this.#inValue(token, top);
  }

  #inKey(token: Token, top: Frame): void {
    if (top.key.length === 0) this.#keyStart = token.start;
    for (const segment of this.#segments(token)) top.key.push(segment);
    this.#refer(token, top, false);
  }

  #beginValue(top: Frame): void {
    top.inValue = true;
    if (this.#frames.length > 1) return;
    const header = this.headers.at(-1) ?? null;
    this.#entry = { header, path: top.key, start: this.#keyStart, valueStart: -1, valueEnd: -1 };
    this.entries.push(this.#entry);
  }

  #inValue(token: Token, top: Frame): void {
    if (this.#entry) {
      if (this.#entry.valueStart < 0) this.#entry.valueStart = token.start;
      this.#entry.valueEnd = token.end;
    }
    if (token.kind === 'open') {
      const table = this.#text[token.start] === '{';
      const path = top.key.length > 0 ? [...top.path, ...top.key] : top.path;
      this.#frames.push({ table, path, key: [], inValue: !table });
    } else if (token.kind === 'close') {
      if (this.#frames.length > 1) this.#frames.pop();
    } else if (token.kind === 'comma') {
      if (!top.table || this.#frames.length === 1) return;
      top.key = [];
      top.inValue = false;
    } else this.#refer(token, top, true);
  }

  #segments(token: Token): string[] {
    if (token.kind !== 'bare') return [stringContent(this.#text, token)];
    return this.#text.slice(token.start, token.end).split('.').filter(Boolean);
  }

  #refer(token: Token, at: { path: readonly string[]; key?: readonly string[] }, isValue: boolean): void {
    const piece = this.#text.slice(token.start, token.end);
    if (piece.search(REFERENCE) < 0) return;
    this.references.push({ token, keys: [...at.path, ...(at.key ?? [])], isValue });
  }
}
