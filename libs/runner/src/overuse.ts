import type { ConfinementLimits } from '@pythond/sandbox';
import type { Exceeded } from './usage-watch.ts';

/** What used too much, in words: "used more than 512 MiB". */
export function overuseOf(
  what: Exceeded,
  limits: Pick<ConfinementLimits, 'memoryBytes' | 'tmpBytes' | 'cpuMs' | 'processes'>,
): string {
  switch (what) {
    case 'memory':
      return `used more than ${sizeText(limits.memoryBytes)}`;
    case 'tmp':
      return `put more than ${sizeText(limits.tmpBytes)} into its temporary folder`;
    case 'cpu':
      if (limits.cpuMs === null) return 'used more CPU time than it may';
      return `used more than ${durationText(limits.cpuMs)} of CPU time`;
    case 'processes':
      return `had more than ${limits.processes} processes and threads`;
  }
}

export function durationText(ms: number): string {
  if (ms % 60_000 === 0) return `${ms / 60_000} min`;
  return ms < 1_000 ? `${ms} ms` : `${ms / 1_000} s`;
}

function sizeText(bytes: number): string {
  const mib = bytes / 1024 ** 2;
  if (mib % 1024 === 0) return `${mib / 1024} GiB`;
  return Number.isInteger(mib) ? `${mib} MiB` : `${bytes.toLocaleString('en-US')} bytes`;
}
