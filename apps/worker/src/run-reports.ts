import type { Destination } from '@pythond/datakit';
import type { RunWarning } from '@pythond/jobs';
import {
  type Category,
  createRunClock,
  isCategory,
  isTooLate,
  type LatePolicy,
  lateReason,
  type Normalised,
  type NormalisedPoint,
  normalise,
  normaliseLines,
  parseExactJson,
  type RunClock,
} from '@pythond/points';
import type { ReleasedPoints } from '@pythond/registry';
import type { Report } from '@pythond/runner';
import { deadLetters, type Refused } from './dead-letters.ts';
import { routeReport } from './destination.ts';
import type { OpenInput } from './input-supply.ts';
import type { Outlet, PointCounts, RunOrigin } from './outlet.ts';
import { RunWarnings } from './run-warnings.ts';

export interface RunReportsOptions {
  readonly input: OpenInput;
  readonly origin: RunOrigin;
  /** When the first try of the tick started. */
  readonly startedMs: number;
  readonly everyMs: number;
  /** The DataKit that a script means when it names none, or DataKit's default address. */
  readonly ownDatakit: string;
  readonly maxPoints: number;
  /** What becomes of metrics that are late already. */
  readonly late: LatePolicy;
  readonly outlet: Outlet;
  /** The run reported more than it may: it is to be killed; what it reported before counts. */
  readonly onTooMany: () => void;
  /** The times of points that bring none; absent: those of a run for a tick. */
  readonly clock?: RunClock;
}

export interface RunReportsEnd extends PointCounts {
  readonly reported: number;
  /** By DataKit: what was reported, and not counted by the outbox since. */
  readonly released: readonly ReleasedPoints[];
  readonly normaliseMs: number;
  readonly warnings: readonly RunWarning[];
}

/**
 * The reports of one run, on their way from the host to the outlet: parsed exactly, normalised, routed, as they come.
 *
 * `take` never waits and may throw (the text is no JSON): that ends the run as a broken frame. `settle` resolves when
 * every point that was taken is accepted, queued or a dead letter.
 */
export class RunReports {
  readonly #options: RunReportsOptions;
  readonly #clock: RunClock;
  readonly #warnings = new RunWarnings();
  /** What is under way, and what failed; what has settled is counted and let go of, since a run may report for ever. */
  readonly #settling = new Set<Promise<void>>();
  readonly #counts = { delivered: 0, queued: 0, dead: 0 };
  /** By DataKit. */
  readonly #released = new Map<string, ReleasedPoints>();
  #reported = 0;
  /** Dead letters so far: the place of the next among those of the run. */
  #letters = 0;
  #normaliseMs = 0;

  constructor(options: RunReportsOptions) {
    this.#options = options;
    const { startedMs, everyMs, origin, clock } = options;
    this.#clock = clock ?? createRunClock({ dueMs: origin.dueMs, startedMs, everyMs });
  }

  take(report: Report): void {
    const askedMs = performance.now();
    const { category } = report;
    if (isCategory(category)) this.#normalised(report, category);
    else this.#refuse(report, 'unknown-category', `DataKit has no category "${category}"`);
    this.#normaliseMs += performance.now() - askedMs;
  }

  async settle(): Promise<RunReportsEnd> {
    await Promise.all(this.#settling);
    return this.soFar();
  }

  /** What is known by now: of a run that goes on, without the points that are on their way. */
  soFar(): RunReportsEnd {
    const warnings = this.#warnings.list();
    const released = [...this.#released.values()];
    return { ...this.#counts, reported: this.#reported, released, normaliseMs: this.#normaliseMs, warnings };
  }

  #settle(endpoint: string, points: number, done: Promise<PointCounts>): void {
    const counted = done.then(({ delivered, queued, dead }) => {
      this.#counts.delivered += delivered;
      this.#counts.queued += queued;
      this.#counts.dead += dead;
      const { emitted = 0, accepted = 0 } = this.#released.get(endpoint) ?? {};
      const released = { emitted: emitted + points - queued - dead, accepted: accepted + delivered };
      this.#released.set(endpoint, { endpoint, ...released });
      this.#settling.delete(counted);
    });
    counted.catch(() => undefined); // told by settle()
    this.#settling.add(counted);
  }

  #normalised(report: Report, category: Category): void {
    const { input, ownDatakit } = this.#options;
    const route = routeReport(report, input.record, ownDatakit);
    const { endpoint } = route;
    const { points, normalised } = this.#normalise(report, category, endpoint);
    if (!this.#count(normalised)) return;
    for (const { code, message } of normalised.warnings) this.#warnings.add(code, message);
    const destination = { endpoint, category, query: report.query };
    this.#buryRejected(destination, normalised, points);
    if (route.kind === 'denied') {
      const { reason } = route;
      const denied = normalised.accepted.map((sendable) => ({
        ...{ code: 'destination-denied', reason, point: { sendable } },
      }));
      return this.#bury(destination, denied);
    }
    this.#deliver(destination, this.#timely(destination, normalised.accepted));
  }

  /** Those that may be sent; the others are dead letters. */
  #timely(destination: Destination, points: readonly NormalisedPoint[]): readonly NormalisedPoint[] {
    const { category } = destination;
    const nowMs = Date.now();
    const isLate = ({ timeMs }: NormalisedPoint) => isTooLate(category, timeMs, nowMs, this.#options.late);
    if (!points.some(isLate)) return points;
    const late = points.filter(isLate).map((sendable) => ({
      ...{ code: 'late', reason: lateReason(sendable.timeMs), point: { sendable } },
    }));
    this.#bury({ ...destination, query: sentQuery(destination) }, late);
    return points.filter((point) => !isLate(point));
  }

  #normalise(report: Report, category: Category, endpoint: string) {
    const { tags, record } = this.#options.input;
    const query = new Map(report.query);
    const precision = query.get('precision');
    const time = this.#clock.forReport(category, String(report.atNs), endpoint);
    if (report.kind === 'raw') {
      return {
        points: report.body,
        normalised: normaliseLines(report.body, { category, precision, tags, time }),
      };
    }
    const points = parseExactJson(report.points, { integers: record.integers === 'int' ? 'all' : 'big' });
    const strict = query.has('strict');
    const options = { category, precision, integers: record.integers, tags, strict, time };
    return { points, normalised: normalise(points, options) };
  }

  /** @returns false when the run has reported too much: this report is left out, and the run ends */
  #count({ accepted, rejected }: Normalised): boolean {
    const points = accepted.length + rejected.length;
    if (this.#reported + points > this.#options.maxPoints) {
      this.#options.onTooMany();
      return false;
    }
    this.#reported += points;
    return true;
  }

  #deliver(destination: Destination, points: readonly NormalisedPoint[]): void {
    if (points.length === 0) return;
    const { outlet, origin } = this.#options;
    const { endpoint } = destination;
    const done = outlet.deliver({ ...destination, query: sentQuery(destination) }, points, origin);
    this.#settle(endpoint, points.length, done);
  }

  #buryRejected(destination: Destination, { rejected }: Normalised, points: unknown): void {
    const refused = rejected.map(({ index, code, reason, line }) => {
      const reported = line ?? (index >= 0 && Array.isArray(points) ? points[index] : points);
      return { code, reason, point: { reported } };
    });
    this.#bury(destination, refused);
  }

  /** The report as a whole can't go anywhere. */
  #refuse(report: Report, code: string, reason: string): void {
    const points = report.kind === 'raw' ? report.body : parseExactJson(report.points);
    const list = Array.isArray(points) ? points : [points];
    this.#reported += list.length;
    this.#bury(
      { endpoint: '', category: report.category, query: report.query },
      list.map((reported) => ({ code, reason, point: { reported } })),
    );
  }

  #bury(destination: Destination, refused: readonly Refused[]): void {
    const [first] = refused;
    if (!first) return;
    this.#warnings.add(first.code, first.reason, refused.length);
    const letters = deadLetters(destination, refused, this.#options.origin, Date.now());
    const { endpoint } = destination;
    const done = this.#options.outlet.bury(letters, this.#letters);
    this.#letters += letters.length;
    const dead = refused.length;
    this.#settle(
      endpoint,
      dead,
      done.then(() => ({ delivered: 0, queued: 0, dead })),
    );
  }
}

/** The times are in nanoseconds by then, and sent so. */
function sentQuery({ query }: Destination): Destination['query'] {
  return query.filter(([name]) => name !== 'precision');
}
