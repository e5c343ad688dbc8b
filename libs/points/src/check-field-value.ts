import { type CheckContext, quote, warn } from './check-context.ts';
import type { FieldValue } from './point-draft.ts';

const MAX_STRING_BYTES = 32 * 1024 * 1024;

/** Whether the field stays, by its value. */
export function checkFieldValue(context: CheckContext, value: FieldValue | null): boolean {
  const { kv, text, rules } = context;
  if (value === null) {
    warn(context, 'nil_field', `nil field(${text.show(kv.key)})`);
    return true;
  }
  if (value.type === 'float' && !Number.isFinite(value.value)) checkInfinity(context, value.value);
  if (value.type !== 'string' && value.type !== 'bytes') return true;
  if (!rules.stringFields) {
    const what = `field(${text.show(kv.key)}) dropped with string value, when [DisableStringField] enabled`;
    warn(context, 'invalid_field_value_type', what);
    return false;
  }
  const bytes = value.type === 'string' ? text.byteLength(value.value) : 0;
  if (bytes > MAX_STRING_BYTES && value.type === 'string') {
    const name = text.show(kv.key);
    const what = `field (${name}) exceed max field value length(${MAX_STRING_BYTES}), got ${bytes}, value truncated`;
    warn(context, 'exceed_max_field_value_len', what);
    kv.value = { type: 'string', value: text.cut(value.value, MAX_STRING_BYTES) };
  }
  return true;
}

/** Only a protobuf point can bring an infinity this far; a NaN stays as it is. */
function checkInfinity(context: CheckContext, value: number): void {
  const name = quote(context, context.kv.key);
  if (value === Number.POSITIVE_INFINITY) {
    warn(context, 'convert_inf_to_max_value', `+inf value from ${name} convert to max-uint64`);
    context.kv.value = { type: 'float', value: 2 ** 64 };
  } else if (value === Number.NEGATIVE_INFINITY) {
    warn(context, 'convert_inf_to_min_value', `+inf value from ${name} convert to min-int64`);
    context.kv.value = { type: 'float', value: -(2 ** 63) };
  }
}
