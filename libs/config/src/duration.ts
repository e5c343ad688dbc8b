import { bad, good, type Reader } from './reading.ts';

const UNITS = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1000],
  ['ms', 1],
] as const;

const NUMBER = '\\d{1,15}(?:\\.\\d{1,9})?';
const WITH_UNITS = new RegExp(`^(?=.)${UNITS.map(([unit]) => `(?:(${NUMBER})${unit})?`).join('')}$`);
const SECONDS = new RegExp(`^${NUMBER}$`);

/** `"10s"`, `"1m30s"`, `"500ms"`, `"2h"`, `"1.5h"`, `"10"` (seconds) in milliseconds; null when it is none. */
export function parseDuration(text: string): number | null {
  const trimmed = text.trim();
  if (SECONDS.test(trimmed)) return Number(trimmed) * 1000;
  const parts = WITH_UNITS.exec(trimmed)?.slice(1);
  if (parts === undefined) return null;
  return UNITS.reduce((sum, [, factor], i) => sum + Number(parts[i] ?? 0) * factor, 0);
}

/** The shortest text that {@link parseDuration} reads back to the same whole number of milliseconds. */
export function formatDuration(ms: number): string {
  let rest = ms;
  let text = '';
  for (const [unit, factor] of UNITS) {
    const count = Math.floor(rest / factor);
    rest -= count * factor;
    if (count > 0) text += `${count}${unit}`;
  }
  return text === '' ? '0s' : text;
}

export interface DurationLimits {
  /** What is above 0 and below this is raised to it, with a note. */
  readonly minMs: number;
  readonly maxMs: number;
  /** For the hint: what a user would most likely want. */
  readonly example: string;
}

const FORMS = 'seconds above 0 (10, 2.5) or a duration ("10s", "1m30s", "500ms", "2h")';

/** Reads seconds or a duration string to whole milliseconds. */
export function durationReader({ minMs, maxMs, example }: DurationLimits): Reader<number> {
  return (value) => {
    const ms = milliseconds(value);
    if (ms === null || !(ms > 0)) return bad(`must be ${FORMS}`, `write ${example}`);
    if (ms > maxMs) return bad(`must be at most ${formatDuration(maxMs)}`, `write ${example}`);
    if (ms >= minMs) return good(Math.round(ms));
    const least = formatDuration(minMs);
    return good(minMs, { text: `is below the least possible; ${least} is used`, hint: `write "${least}"` });
  };
}

function milliseconds(value: unknown): number | null {
  if (typeof value === 'string') return parseDuration(value);
  return typeof value === 'number' ? value * 1000 : null;
}
