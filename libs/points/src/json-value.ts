import { quote } from './describe.ts';
import { FloatLiteral } from './exact-json-error.ts';
import type { FieldValue, ScalarValue } from './point-draft.ts';
import { RefusedSignal } from './refusal.ts';
import { MAX_INT64, MAX_UINT64, MIN_INT64 } from './time.ts';

/** `float`: every number is stored as a float. `int`: a bigint is stored as an integer. */
export type IntegerMode = 'float' | 'int';

/**
 * The value of a field as DataKit reads it from simple JSON; null where it keeps the key without a value.
 *
 * @throws RefusedSignal at a number that no float holds, also deep inside a value that is dropped anyway
 */
export function readField(key: string, value: unknown, integers: IntegerMode): FieldValue | null {
  if (Array.isArray(value)) return readArray(key, value, integers);
  const scalar = readScalar(key, value, integers);
  if (scalar === null) refuseInfinite(key, value);
  return scalar;
}

function readScalar(key: string, value: unknown, integers: IntegerMode): ScalarValue | null {
  switch (typeof value) {
    case 'string':
      return { type: 'string', value: value.toWellFormed() };
    case 'boolean':
      return { type: 'bool', value };
    case 'number':
      return { type: 'float', value: finite(key, value) };
    case 'bigint':
      return integers === 'int'
        ? readInteger(key, value)
        : { type: 'float', value: finite(key, Number(value)) };
    default:
      return value instanceof FloatLiteral ? { type: 'float', value: finite(key, value.value) } : null;
  }
}

/** An integer too big for an int is a uint, too big for that a float. */
function readInteger(key: string, value: bigint): ScalarValue {
  if (value >= MIN_INT64 && value <= MAX_INT64) return { type: 'int', value };
  if (value >= 0n && value <= MAX_UINT64) return { type: 'uint', value };
  return { type: 'float', value: finite(key, Number(value)) };
}

/** An array of one type of scalars, else null: DataKit drops a mixed or nested one, or one with a null in it. */
function readArray(key: string, items: readonly unknown[], integers: IntegerMode): FieldValue | null {
  refuseInfinite(key, items);
  const scalars: ScalarValue[] = [];
  for (const item of items) {
    const scalar = readScalar(key, item, integers);
    if (scalar === null) return null;
    scalars.push(scalar);
  }
  const [first] = scalars;
  if (first === undefined || scalars.every((scalar) => scalar.type === first.type))
    return { type: 'array', items: scalars };
  // [1, 2.5] is uniform to DataKit, to which all numbers are floats: it must be with typed integers too.
  return integers === 'int' && scalars.every(isNumeric)
    ? { type: 'array', items: scalars.map(toFloat) }
    : null;
}

function isNumeric(scalar: ScalarValue): boolean {
  return scalar.type === 'float' || scalar.type === 'int' || scalar.type === 'uint';
}

function toFloat(scalar: ScalarValue): ScalarValue {
  return { type: 'float', value: Number(scalar.value) };
}

function finite(key: string, value: number): number {
  if (Number.isFinite(value)) return value;
  throw new RefusedSignal('not-finite', `the field ${quote(key)} is ${value}, which no stored number can be`);
}

/** The number in a value that DataKit would store as an infinity or can't read at all. */
function refuseInfinite(key: string, value: unknown): void {
  if (typeof value === 'number') finite(key, value);
  else if (typeof value === 'bigint') finite(key, Number(value));
  else if (typeof value === 'object' && value !== null)
    for (const member of Object.values(value)) refuseInfinite(key, member);
}
