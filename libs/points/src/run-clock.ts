import type { Category } from './category.ts';

/**
 * Gives the time, in nanoseconds as decimal digits, of a point that brings none. `series` is its measurement and tags;
 * it is called once for each such point that is sent, in the order of the report.
 */
export type TimeSource = (series: string) => string;

export interface RunClock {
  /**
   * The times for one report. `atNs` is the moment of the report call; `destination` tells apart what goes to different
   * DataKits, where one series is two.
   */
  forReport(category: Category, atNs: string, destination?: string): TimeSource;
}

export interface RunTimes {
  /** When the run's tick was due. */
  readonly dueMs: number;
  readonly startedMs: number;
  /** The collector's interval. */
  readonly everyMs: number;
}

/** Of these a run has one sample of each series, which a re-run of the same tick overwrites. */
const sampled: ReadonlySet<Category> = new Set(['metric', 'object', 'custom_object']);

/**
 * The times of one run's points. A metric or an object gets the time of the tick when the run started within one
 * interval of it, else the run's start, so that a re-run of the tick stores nothing twice. A later sample of the same
 * series, and every other point, gets the moment of its report; these moments strictly increase within the run.
 */
export function createRunClock({ dueMs, startedMs, everyMs }: RunTimes): RunClock {
  const isTimely = Math.abs(startedMs - dueMs) < everyMs;
  const tickNs = `${Math.round(isTimely ? dueMs : startedMs)}000000`;
  const moments = new Moments(tickNs);
  const seen = new Map<string, Set<string>>();
  return {
    forReport(category, atNs, destination = '') {
      const moment = moments.from(atNs);
      if (!sampled.has(category)) return moment;
      const scope = `${category} ${destination}`;
      const sampledSeries = seen.get(scope) ?? new Set();
      seen.set(scope, sampledSeries);
      return (series) => {
        const { size } = sampledSeries;
        return sampledSeries.add(series).size === size ? moment(series) : tickNs;
      };
    },
  };
}

/** The times of a collector that reports when it likes, without ticks: each point gets the moment of its report. */
export function createReportClock(): RunClock {
  const moments = new Moments('');
  return { forReport: (_category, atNs) => moments.from(atNs) };
}

/** Moments that strictly increase, as seconds and nanoseconds: numbers, which are quicker than one bigint. */
class Moments {
  readonly #taken: string;
  #seconds = -1;
  #nanos = 0;

  /** `taken` is a moment that is in use already. */
  constructor(taken: string) {
    this.#taken = taken;
  }

  from(atNs: string): TimeSource {
    const seconds = Number(atNs.slice(0, -9));
    const nanos = Number(atNs.slice(-9));
    return () => {
      if (seconds > this.#seconds || (seconds === this.#seconds && nanos > this.#nanos)) {
        this.#seconds = seconds;
        this.#nanos = nanos;
      } else {
        this.#step();
      }
      const digits = this.#digits();
      if (digits !== this.#taken) return digits;
      this.#step();
      return this.#digits();
    };
  }

  #step(): void {
    this.#nanos += 1;
    if (this.#nanos < 1e9) return;
    this.#seconds += 1;
    this.#nanos = 0;
  }

  #digits(): string {
    return this.#seconds + String(this.#nanos).padStart(9, '0');
  }
}
