import type { CollectorView, Pause, PauseTarget } from '@pythond/registry';
import { oneLine } from './printable.ts';
import { ago } from './terminal.ts';

/** A reason why a collector is paused, for scripts. `file`: its block says so. */
export interface PauseJson {
  readonly scope: 'file' | PauseTarget['scope'];
  /** The file, the input or the collector; null: the fleet. */
  readonly name: string | null;
  readonly who: string | null;
  readonly reason: string | null;
  readonly sinceMs: number | null;
}

export function pauseJson({ target, who, reason, atMs }: Pause): PauseJson {
  const name = target.scope === 'fleet' ? null : target.name;
  return { scope: target.scope, name, who, reason, sinceMs: atMs };
}

/** Everything that pauses a collector, the widest first. */
export function pausesJson({ record, pauses }: CollectorView, file: string | null): PauseJson[] {
  const ofFile = { scope: 'file' as const, name: file, who: null, reason: null, sinceMs: null };
  return [...pauses.map(pauseJson), ...(record.paused ? [ofFile] : [])];
}

export function isPaused({ record, pauses }: CollectorView): boolean {
  return record.paused || pauses.length > 0;
}

/** `the fleet`, `input web`, `web/Demo/demo:Demo`. */
export function targetText(target: PauseTarget): string {
  if (target.scope === 'fleet') return 'the fleet';
  return oneLine(target.scope === 'input' ? `input ${target.name}` : target.name);
}

/** `by anna@host, 5 min ago: maintenance`. */
export function orderText({ who, reason, atMs }: Pause): string {
  const why = reason === null ? '' : `: ${reason}`;
  return oneLine(`by ${who}, ${ago(atMs, Date.now())}${why}`);
}

/** `the fleet is paused by anna@host, 5 min ago: maintenance`. */
export function pauseText(pause: Pause): string {
  return `${targetText(pause.target)} is paused ${orderText(pause)}`;
}

export function filePauseText(what: string, file: string | null): string {
  return oneLine(`${what} is paused by ${file ?? 'its block'}: set paused = false there`);
}

/** The command that lifts it. */
export function resumeCommand(target: PauseTarget): string {
  return `pythond resume ${target.scope === 'fleet' ? '--all' : oneLine(target.name)}`;
}
