import type { Finding } from '../survey/finding.ts';

export const groups = ['node', 'python', 'sandbox', 'redis', 'datakit', 'configuration', 'scripts'] as const;
export type Group = (typeof groups)[number];

/** One thing that `pythond doctor` looked at. */
export interface HealthCheck {
  readonly group: Group;
  /** Stable. */
  readonly code: string;
  /** `error`: something has to be done. `warning`: to be looked at. */
  readonly level: 'ok' | 'warning' | 'error';
  readonly text: string;
  /** What to do; null where the text says it, or nothing is to be done. */
  readonly remedy: string | null;
  readonly input: string | null;
  /** Relative to the home where it is under it. */
  readonly file: string | null;
  readonly line: number | null;
  /** What to write into the block. */
  readonly key: Finding['key'];
}

type Told = Pick<HealthCheck, 'group' | 'code' | 'level' | 'text'> & Partial<HealthCheck>;

export function healthCheck(told: Told): HealthCheck {
  return { remedy: null, input: null, file: null, line: null, key: null, ...told };
}
