import type { CategoryRules } from './category.ts';
import { encodeFloat, encodeString } from './encode-line.ts';
import type { IntegerMode } from './json-value.ts';
import { type KeyCaches, keyCaches } from './key-cache.ts';
import { encodeFinite, encodeInteger, escapeTagValue } from './plain-value.ts';

/** More tags or fields than this are counted, and cut, elsewhere. */
const MAX_TAGS = 256;
const MAX_FIELDS = 1024;
/** A text of so many UTF-16 units can't be longer than what DataKit keeps of it. */
const MAX_STRING_UNITS = 8 * 1024 * 1024;

/** A point as a script reports it, when it is one. */
export interface ReportedPoint {
  readonly measurement?: unknown;
  readonly tags?: unknown;
  readonly fields?: unknown;
  readonly time?: unknown;
}

/**
 * The quick way for the points that DataKit stores as they are, which are nearly all: one walk over tags and fields that
 * writes the line. It gives up at the first thing out of the ordinary, and then the point goes through the checks; what
 * it does write is what they would have written (a property test compares the two).
 *
 * After {@link encode} has returned true, `series` and `fields` are the two parts of the line.
 */
export class PlainEncoder {
  series = '';
  fields = '';
  /** The fields that were left out because they are text in a metric; null where there is none. */
  textFields: string[] | null = null;

  readonly #rules: CategoryRules;
  readonly #caches: KeyCaches;
  readonly #typed: boolean;
  readonly #extraTags: readonly (readonly [key: string, value: string])[];
  readonly #required: string;
  /** The tags of the point at hand, in order; the arrays are used again and again, only `#tagCount` entries count. */
  readonly #tagKeys: string[] = [];
  readonly #tagTexts: string[] = [];
  #tagCount = 0;

  constructor(
    rules: CategoryRules,
    integers: IntegerMode,
    extraTags: readonly (readonly [string, string])[],
  ) {
    this.#rules = rules;
    this.#caches = keyCaches(rules);
    this.#typed = integers === 'int';
    this.#extraTags = extraTags;
    const { requiredField } = rules;
    this.#required =
      requiredField === null ? '' : `${requiredField.key}=${encodeString(requiredField.value)}`;
  }

  encode(point: ReportedPoint): boolean {
    for (const key in point) {
      if (key !== 'measurement' && key !== 'tags' && key !== 'fields' && key !== 'time') return false;
    }
    const { measurement, tags, fields } = point;
    if (typeof measurement !== 'string' || !isPlainObject(fields)) return false;
    const name = this.#caches.measurements.get(measurement);
    if (name === null) return false;
    const tagged = isPlainObject(tags) ? tags : undefined;
    if (tagged === undefined && tags !== undefined && tags !== null) return false;
    this.textFields = null;
    return this.#encodeTags(name, tagged, fields) && this.#encodeFields(tagged, fields);
  }

  #encodeTags(name: string, tags: object | undefined, fields: object): boolean {
    this.#tagCount = 0;
    if (tags !== undefined) {
      for (const key in tags) {
        const value: unknown = (tags as Record<string, unknown>)[key];
        if (typeof value !== 'string' || !this.#addTag(key, value)) return false;
      }
    }
    for (const [key, value] of this.#extraTags) {
      if ((tags !== undefined && Object.hasOwn(tags, key)) || Object.hasOwn(fields, key)) continue;
      if (!this.#addTag(key, value)) return false;
    }
    const count = this.#tagCount;
    let series = name;
    for (let i = 0; i < count; i += 1) series += this.#tagTexts[i];
    this.series = series;
    return true;
  }

  /** Adds a tag in its place: tags stand in order of their keys. */
  #addTag(key: string, value: string): boolean {
    if (this.#tagCount === MAX_TAGS) return false;
    const escapedKey = this.#caches.tags.get(key);
    const escapedValue = escapeTagValue(value);
    if (escapedKey === null || escapedValue === null) return false;
    const keys = this.#tagKeys;
    const texts = this.#tagTexts;
    let at = this.#tagCount++;
    while (at > 0 && (keys[at - 1] as string) > key) {
      keys[at] = keys[at - 1] as string;
      texts[at] = texts[at - 1] as string;
      at -= 1;
    }
    keys[at] = key;
    texts[at] = `,${escapedKey}=${escapedValue}`;
    return true;
  }

  #encodeFields(tags: object | undefined, fields: object): boolean {
    let text = '';
    let count = 0;
    for (const key in fields) {
      const name = this.#caches.fields.get(key);
      if (name === null || (tags !== undefined && key in tags)) return false;
      count += 1;
      const value: unknown = (fields as Record<string, unknown>)[key];
      if (typeof value === 'string' && !this.#rules.stringFields) {
        this.textFields ??= [];
        this.textFields.push(key);
        continue;
      }
      const encoded = this.#encodeField(value);
      if (encoded === null) return false;
      text += text === '' ? name + encoded : `,${name}${encoded}`;
    }
    const required = this.#rules.requiredField;
    if (required !== null && !(required.key in fields) && !this.#hasTag(required.key)) {
      text += text === '' ? this.#required : `,${this.#required}`;
    }
    this.fields = text;
    return text !== '' && count <= MAX_FIELDS;
  }

  #encodeField(value: unknown): string | null {
    switch (typeof value) {
      case 'number':
        return Number.isFinite(value) ? encodeFloat(value) : null;
      case 'string':
        return value.length <= MAX_STRING_UNITS ? encodeString(value.toWellFormed()) : null;
      case 'boolean':
        return value ? 'true' : 'false';
      case 'bigint':
        return this.#typed ? encodeInteger(value) : encodeFinite(Number(value));
      default:
        return null;
    }
  }

  #hasTag(key: string): boolean {
    const at = this.#tagKeys.indexOf(key);
    return at !== -1 && at < this.#tagCount;
  }
}

function isPlainObject(value: unknown): value is object {
  if (typeof value !== 'object' || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}
