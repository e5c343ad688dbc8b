import { z } from 'zod';

/*
 * Everything that a host or a run sends is untrusted. Names that are too long are refused (an honest host has
 * none); texts that a user's code can make as long as it likes are cut.
 *
 * Measured: these schemas take about 6 µs of the 150 to 250 µs of CPU that a trivial run costs in Node (its streams
 * take most), and of the 3 ms that it costs in all. Checks by hand would take 1 µs: not worth a second description
 * of the protocol.
 */

const CUT_MARK_CHARS = 40;

/** The first quarter and the last three quarters of a text, at most `max` characters. */
export function cutText(text: string, max: number): string {
  if (text.length <= max) return text;
  const room = max - CUT_MARK_CHARS;
  const head = Math.floor(room / 4);
  return `${text.slice(0, head)}\n… ${text.length - room} characters …\n${text.slice(text.length - (room - head))}`;
}

export const u32 = z.int().min(0).max(0xffff_ffff);
export const count = z.int().min(0);
/** A size or duration that is shown and summed, never acted on. */
export const measure = z.number().min(0).max(1e15);

export function name(max: number): z.ZodString {
  return z.string().max(max);
}

export function text(max: number): z.ZodType<string> {
  return z.string().transform((value) => cutText(value, max));
}

/** Nanoseconds since 1970 as decimal digits. */
export const nanoseconds: z.ZodType<bigint> = z
  .string()
  .regex(/^\d{1,19}$/)
  .transform((digits) => BigInt(digits));

export const codeAndMessage = z.object({ code: name(64), message: text(4_096) });
