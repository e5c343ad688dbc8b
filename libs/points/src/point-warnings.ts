import { describe, quote } from './describe.ts';
import type { PointDraft, PointWarning } from './point-draft.ts';

/** What became of a point that was sent all the same. The codes are stable. */
export type WarningCode =
  | 'string-field-dropped'
  | 'field-dropped'
  | 'key-dropped'
  | 'key-changed'
  | 'value-changed'
  | 'measurement-changed'
  | 'cut';

export interface Note {
  readonly code: WarningCode;
  readonly message: string;
}

export function stringFieldDropped(keys: readonly string[]): Note {
  const fields =
    keys.length === 1 ? `the field ${keys.map(quote)} is` : `the fields ${keys.map(quote).join(', ')} are`;
  return {
    code: 'string-field-dropped',
    message: `${fields} text, which DataKit does not store in a metric`,
  };
}

export function fieldUnderTag(key: string): Note {
  return { code: 'field-dropped', message: `the field ${quote(key)} is not stored: a tag has the same name` };
}

/** The notes of a checked point: one for each thing that DataKit changes or leaves out. */
export function notesOf(draft: PointDraft, reported: unknown): Note[] {
  const notes = new Map<string, Note>();
  const texts = new Set<string>();
  for (const warning of draft.warnings) {
    if (warning.type === 'invalid_field_value_type') texts.add(warning.key);
    const code = codeOf(warning);
    if (code !== null) notes.set(code + warning.message, { code, message: `DataKit: ${warning.message}` });
  }
  for (const kv of draft.kvs) {
    const isEmptyArray = kv.value?.type === 'array' && kv.value.items.length === 0;
    if (kv.tag || (kv.value !== null && !isEmptyArray)) continue;
    const note: Note = {
      code: 'field-dropped',
      message: `the field ${quote(kv.key)} is not stored: ${whatIs(reported, kv.key)}`,
    };
    notes.set(note.code + note.message, note);
  }
  return [...(texts.size === 0 ? [] : [stringFieldDropped([...texts])]), ...notes.values()];
}

function whatIs(reported: unknown, key: string): string {
  const fields = (reported as { fields?: unknown } | null)?.fields;
  const isKnown = typeof fields === 'object' && fields !== null && Object.hasOwn(fields, key);
  const value: unknown = isKnown ? (fields as Record<string, unknown>)[key] : null;
  if (!Array.isArray(value)) return `it is ${describe(value)}`;
  return value.length === 0
    ? 'it is an empty list'
    : 'it is a list of more than one type, or of lists or objects';
}

/** Null for what needs no note, or has one of its own. */
function codeOf(warning: PointWarning): WarningCode | null {
  switch (warning.type) {
    case 'invalid_field_value_type':
    case 'nil_field':
    case 'add_required_kv':
      return null;
    case 'tag_disabled':
    case 'key_name_conflict':
      return 'key-dropped';
    case 'invalid_tag_key':
      return warning.message.includes(' exist after ') ? 'key-dropped' : 'key-changed';
    case 'dot_in_key':
      return 'key-changed';
    case 'found_new_line_or_tail_espace':
      return warning.message.startsWith('invalid field key') ? 'key-changed' : 'value-changed';
    case 'invalid_measurement':
      return 'measurement-changed';
    case 'convert_inf_to_max_value':
    case 'convert_inf_to_min_value':
      return 'value-changed';
    default:
      return 'cut';
  }
}
