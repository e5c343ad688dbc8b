import type { CategoryRules } from './category.ts';
import { escapeFieldKey, escapeMeasurement, escapeTag } from './encode-line.ts';

/** Enough for the keys of a large fleet's collectors; one that makes up keys without end only empties it now and then. */
const MAX_ENTRIES = 8192;
/** A text of so many UTF-16 units can't have more bytes than a key may have. */
const MAX_UNITS = 85;

/**
 * The escaped forms of the keys (or measurements) that DataKit stores as they are; null for every key that needs a
 * closer look. The same few keys come again and again.
 */
class KeyCache {
  readonly #escaped = new Map<string, string | null>();
  readonly #escape: (text: string) => string | null;

  constructor(escapeText: (text: string) => string | null) {
    this.#escape = escapeText;
  }

  get(key: string): string | null {
    const known = this.#escaped.get(key);
    if (known !== undefined) return known;
    if (key.length > MAX_UNITS) return null;
    if (this.#escaped.size >= MAX_ENTRIES) this.#escaped.clear();
    const escaped = this.#escape(key);
    this.#escaped.set(key, escaped);
    return escaped;
  }
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const special = /[\x00-\x1f\x7f\\"[\]]/;

function isPlain(key: string): boolean {
  return key !== '' && !special.test(key) && key.isWellFormed();
}

const measurements = new KeyCache((name) =>
  isPlain(name) && name[0] !== '#' ? escapeMeasurement(name) : null,
);

export interface KeyCaches {
  readonly measurements: KeyCache;
  readonly tags: KeyCache;
  readonly fields: KeyCache;
}

const byRules = new Map<CategoryRules, KeyCaches>();

/** One set of caches for each set of rules: whether a key stays as it is depends on the category. */
export function keyCaches(rules: CategoryRules): KeyCaches {
  let caches = byRules.get(rules);
  if (caches === undefined) {
    const stays = (key: string) =>
      isPlain(key) && (rules.dotsInKeys || !key.includes('.')) && !rules.droppedKeys.includes(key);
    caches = {
      measurements,
      tags: new KeyCache((key) => (stays(key) ? escapeTag(key) : null)),
      fields: new KeyCache((key) => (stays(key) ? `${escapeFieldKey(key)}=` : null)),
    };
    byRules.set(rules, caches);
  }
  return caches;
}
