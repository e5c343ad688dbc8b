import { z } from 'zod';
import { NewerRecordError } from './errors.ts';

/**
 * A schema that lets fields pass which it does not know: a newer version of the fleet may run beside this one, and what
 * this one writes back must not lose them. The type is that of the known fields.
 */
export function open<T extends z.ZodRawShape>(shape: T): z.ZodObject<T> {
  return z.looseObject(shape) as unknown as z.ZodObject<T>;
}

/**
 * Reads a record of Redis.
 *
 * @param schema has `v`, the version of the format: the literal that can be read
 * @param what names the record in messages
 * @throws NewerRecordError for a format that is newer; an error of zod for what is damaged
 */
export function readRecord<T extends z.ZodObject<{ v: z.ZodLiteral<number> }>>(
  schema: T,
  value: unknown,
  what: string,
): z.infer<T> {
  refuseNewer(schema, value, what);
  return schema.parse(value);
}

/** @throws NewerRecordError */
export function refuseNewer(
  schema: z.ZodObject<{ v: z.ZodLiteral<number> }>,
  value: unknown,
  what: string,
): void {
  const told = versioned.safeParse(value);
  if (told.success && told.data.v > schema.shape.v.value) throw new NewerRecordError(what, told.data.v);
}

const versioned = z.object({ v: z.number() });
