import { createHash } from 'node:crypto';
import type { ProblemCode } from './problem.ts';

export type TextReading =
  | { readonly ok: true; readonly text: string; readonly sha256: string }
  | {
      readonly ok: false;
      readonly code: ProblemCode;
      /** Completes "the file …". */
      readonly message: string;
      readonly hint: string | null;
    };

/** The text of a file that has to be UTF-8; a byte order mark is dropped. */
export function decodeConf(bytes: Buffer): TextReading {
  if (isUtf16(bytes)) return failure('encoding', 'is saved as UTF-16', 'save it as UTF-8');
  const nul = bytes.indexOf(0);
  if (nul >= 0) {
    const place = `at offset ${nul} (line ${line(bytes, nul)})`;
    return failure('encoding', `holds a NUL byte ${place}`, 'save it as plain text');
  }
  const invalid = firstInvalidUtf8(bytes);
  if (invalid !== null) {
    const place = `at offset ${invalid} (line ${line(bytes, invalid)})`;
    return failure('encoding', `is not valid UTF-8 ${place}`, 'save it as UTF-8');
  }
  const text = new TextDecoder().decode(bytes);
  return { ok: true, text, sha256: createHash('sha256').update(bytes).digest('hex') };
}

export function isUtf16(bytes: Buffer): boolean {
  const mark = bytes.length >= 2 ? bytes.readUInt16BE(0) : 0;
  return mark === 0xfeff || mark === 0xfffe;
}

/** The first byte that can't belong to UTF-8. A decoder in stream mode forgives a cut character at the end. */
function firstInvalidUtf8(bytes: Buffer): number | null {
  if (decodes(bytes, false)) return null;
  let low = 0;
  let high = bytes.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (decodes(bytes.subarray(0, middle + 1), true)) low = middle + 1;
    else high = middle;
  }
  return Math.min(low, bytes.length - 1);
}

function decodes(bytes: Buffer, stream: boolean): boolean {
  try {
    new TextDecoder('utf-8', { fatal: true }).decode(bytes, { stream });
    return true;
  } catch {
    return false;
  }
}

function line(bytes: Buffer, offset: number): number {
  return bytes.subarray(0, offset).toString('latin1').split('\n').length;
}

export function failure(
  code: ProblemCode,
  message: string,
  hint: string | null = null,
): TextReading & { ok: false } {
  return { ok: false, code, message, hint };
}
