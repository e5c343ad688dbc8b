import { type CheckContext, quote, warn } from './check-context.ts';
import { checkFieldValue } from './check-field-value.ts';

const MAX_KEY_BYTES = 256;
const MAX_TAG_VALUE_BYTES = 1024;

/** Whether the tag stays. The order of the steps is DataKit's, and so are the words of the warnings. */
export function checkTag(context: CheckContext): boolean {
  const { kv, text, rules } = context;
  const bytes = text.byteLength(kv.key);
  if (bytes > MAX_KEY_BYTES) {
    const what = `exceed max tag key length(${MAX_KEY_BYTES}), got ${bytes}, key truncated`;
    warn(context, 'exceed_max_tag_key_len', what);
    if (!rename(context, text.cut(kv.key, MAX_KEY_BYTES), 'tag', 'truncate')) return false;
  }
  const adjusted = adjust(kv.key);
  if (adjusted !== kv.key) {
    warn(context, 'invalid_tag_key', `invalid tag key ${quote(context, kv.key)}, replace \\ or \\n with ''`);
    if (!rename(context, adjusted, 'tag', 'adjust')) return false;
  }
  if (!rules.dotsInKeys && kv.key.includes('.')) {
    warn(context, 'invalid_tag_key', `invalid tag key \`${text.show(kv.key)}': found \`.'`);
    if (!rename(context, kv.key.replaceAll('.', '_'), 'tag', 'adjust')) return false;
  }
  if (isDropped(context) || isDuplicate(context)) return false;
  checkTagValue(context);
  return true;
}

function checkTagValue(context: CheckContext): void {
  const { kv, text } = context;
  if (kv.value?.type !== 'string') return;
  let value = adjust(kv.value.value);
  if (value !== kv.value.value) {
    const what = `invalid tag value ${quote(context, kv.value.value)}, found \\n or tail \\`;
    warn(context, 'found_new_line_or_tail_espace', what);
  }
  const bytes = text.byteLength(value);
  if (bytes > MAX_TAG_VALUE_BYTES) {
    const what = `exceed max tag value length(${MAX_TAG_VALUE_BYTES}), got ${bytes}, value truncated`;
    warn(context, 'exceed_max_tag_value_len', what);
    value = text.cut(value, MAX_TAG_VALUE_BYTES);
  }
  kv.value = { type: 'string', value };
}

/** Whether the field stays. Not the same order as for a tag: dots go before line breaks. */
export function checkField(context: CheckContext): boolean {
  const { kv, text, rules } = context;
  const bytes = text.byteLength(kv.key);
  if (bytes > MAX_KEY_BYTES) {
    const what = `exceed max field key length(${MAX_KEY_BYTES}), got length ${bytes}, key truncated`;
    warn(context, 'exceed_max_field_key_len', what);
    if (!rename(context, text.cut(kv.key, MAX_KEY_BYTES), 'field', 'truncate')) return false;
  }
  if (!rules.dotsInKeys && kv.key.includes('.')) {
    warn(context, 'dot_in_key', `invalid field key \`${text.show(kv.key)}': found \`.'`);
    if (!rename(context, kv.key.replaceAll('.', '_'), 'field', 'adjust')) return false;
  }
  const adjusted = adjust(kv.key);
  if (adjusted !== kv.key) {
    const what = `invalid field key ${quote(context, kv.key)}: found \\n, replaced with ' '`;
    warn(context, 'found_new_line_or_tail_espace', what);
    if (!rename(context, adjusted, 'field', 'adjust')) return false;
  }
  if (isDropped(context) || isDuplicate(context)) return false;
  return checkFieldValue(context, kv.value);
}

/** Trailing backslashes go, line feeds become spaces (a carriage return stays: vector json-tagval-crlf). */
function adjust(text: string): string {
  let end = text.length;
  while (end > 0 && text.charCodeAt(end - 1) === 92) end -= 1;
  const cut = end === text.length ? text : text.slice(0, end);
  return cut.includes('\n') ? cut.replaceAll('\n', ' ') : cut;
}

/** False when another key has that name already: then this one is dropped. */
function rename(context: CheckContext, key: string, noun: string, step: string): boolean {
  const { draft, kv, unique } = context;
  if (unique === null ? draft.kvs.some((other) => other.key === key) : unique.has(key)) {
    warn(context, 'invalid_tag_key', `${noun} key ${quote(context, key)} exist after ${step}`);
    return false;
  }
  unique?.delete(kv.key);
  unique?.add(key);
  kv.key = key;
  return true;
}

function isDropped(context: CheckContext): boolean {
  const { kv, rules } = context;
  if (kv.key === '') warn(context, 'tag_disabled', 'empty tag key disabled');
  else if (rules.droppedKeys.includes(kv.key)) {
    warn(context, 'tag_disabled', `tag key ${quote(context, kv.key)} disabled`);
  } else return false;
  return true;
}

function isDuplicate(context: CheckContext): boolean {
  const { draft, kv, unique } = context;
  if (unique !== null) return false;
  let count = 0;
  for (const other of draft.kvs) if (other.key === kv.key) count += 1;
  if (count <= 1) return false;
  warn(context, 'key_name_conflict', `same key (${quote(context, kv.key)})`);
  return true;
}
