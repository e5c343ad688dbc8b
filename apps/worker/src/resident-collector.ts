import { type CollectorRecord, type ResidentReason, type RunWarning, schedulerId } from '@pythond/jobs';
import { createReportClock, type LatePolicy } from '@pythond/points';
import type { ReleasedPoints } from '@pythond/registry';
import { CappedText, type PassBegan, type PassEnded, type Report, type Stream } from '@pythond/runner';
import type { OpenInput } from './input-supply.ts';
import type { Outlet } from './outlet.ts';
import { type Pass, type PassFacts, passRecord } from './resident-record.ts';
import { RunReports, type RunReportsEnd } from './run-reports.ts';
import { RunWarnings } from './run-warnings.ts';

export interface ResidentCollectorOptions {
  readonly record: CollectorRecord;
  readonly input: OpenInput;
  readonly outlet: Outlet;
  readonly late: LatePolicy;
  readonly ownDatakit: () => string;
  readonly facts: PassFacts;
}

const OUTPUT_BYTES = 64 * 1024;

/**
 * One collector of a resident, as its worker sees it: what it reported, printed and was warned of since the last call of
 * its run() ended. What comes between two calls, from threads of its own, counts to the next one.
 *
 * It is *calling* from `began` to `take`, else *between*.
 */
export class ResidentCollector {
  readonly record: CollectorRecord;
  readonly #options: ResidentCollectorOptions;
  readonly #clock = createReportClock();
  #began: PassBegan | null = null;
  #calls = 0;
  #span: Span;

  constructor(options: ResidentCollectorOptions) {
    this.#options = options;
    this.record = options.record;
    this.#span = this.#newSpan();
  }

  /** Whether anything was reported since the last call ended. */
  get hasReported(): boolean {
    return this.#span.reports.soFar().reported > 0;
  }

  /** The call that goes on. */
  get began(): PassBegan | null {
    return this.#began;
  }

  begin(began: PassBegan): void {
    this.#began = began;
  }

  report(report: Report): void {
    this.#span.reports.take(report);
  }

  warn({ code, message }: RunWarning): void {
    this.#span.warnings.add(code, message);
  }

  print(stream: Stream, bytes: Buffer): void {
    this.#span[stream].push(bytes);
  }

  /** What the call that goes on has done so far; null: none goes on. */
  goingOn() {
    return this.#began && passRecord(this.#pass(this.#began, null), this.#span.reports.soFar(), 0);
  }

  /** Its points that the ledger has not been told of; `told`: now it has. */
  untold(): { readonly points: readonly ReleasedPoints[]; readonly told: () => void } {
    const span = this.#span;
    const { released } = span.reports.soFar();
    return {
      points: without(released, span.told),
      told: () => {
        span.told = released;
      },
    };
  }

  /** Takes the call that ended, with what belongs to it. */
  take(ended: PassEnded | null): Taken {
    const began = this.#began ?? firstCall(this.record.key, this.#span.openedMs);
    const pass = this.#pass(began, ended);
    const span = this.#span;
    this.#began = null;
    this.#calls += 1;
    this.#span = this.#newSpan();
    return { pass, reports: span.reports, untold: ({ released }) => without(released, span.told) };
  }

  #pass(began: PassBegan, ended: PassEnded | null): Pass {
    const { id, warnings, stdout, stderr } = this.#span;
    const { facts, input, record } = this.#options;
    const first = this.#calls === 0;
    return {
      ...facts,
      ...{ id, collector: record.id, began, ended, stdout, stderr },
      warnings: [...(first ? [...input.warnings, ...becauseOf(record.resident)] : []), ...warnings.list()],
    };
  }

  #newSpan(): Span {
    const { record, input, outlet, late, ownDatakit } = this.#options;
    const openedMs = Date.now();
    const id = `resident-${schedulerId(record.id)}-${openedMs}-${this.#calls}`;
    const reports = new RunReports({
      ...{ input, outlet, late, clock: this.#clock, everyMs: record.everyMs, startedMs: openedMs },
      origin: { collector: record.id, run: id, dueMs: openedMs },
      ownDatakit: ownDatakit(),
      maxPoints: Number.POSITIVE_INFINITY, // it waits while too many are on their way
      onTooMany: () => undefined,
    });
    const text = () => new CappedText(OUTPUT_BYTES);
    return { id, openedMs, reports, warnings: new RunWarnings(), stdout: text(), stderr: text(), told: [] };
  }
}

export interface Taken {
  readonly pass: Pass;
  readonly reports: RunReports;
  /** Of all its points, those that the ledger has not been told of. */
  readonly untold: (end: RunReportsEnd) => readonly ReleasedPoints[];
}

interface Span {
  readonly id: string;
  readonly openedMs: number;
  readonly reports: RunReports;
  readonly warnings: RunWarnings;
  readonly stdout: CappedText;
  readonly stderr: CappedText;
  /** What the ledger knows. */
  told: readonly ReleasedPoints[];
}

function without(
  released: readonly ReleasedPoints[],
  told: readonly ReleasedPoints[],
): readonly ReleasedPoints[] {
  const known = new Map(told.map((one) => [one.endpoint, one]));
  const left = released.map(({ endpoint, emitted, accepted }) => ({
    endpoint,
    emitted: emitted - (known.get(endpoint)?.emitted ?? 0),
    accepted: accepted - (known.get(endpoint)?.accepted ?? 0),
  }));
  return left.filter(({ emitted, accepted }) => emitted > 0 || accepted > 0);
}

/** For what happened before the first call. */
function firstCall(collector: string, atMs: number): PassBegan {
  return { collector, pass: 0, at: BigInt(atMs) * 1_000_000n, kind: 'first', dueMs: atMs };
}

/** Said by the first record after each start, when nobody asked for it. */
function becauseOf(reason: ResidentReason | null | undefined): RunWarning[] {
  if (!reason || reason.code === 'asked') return [];
  return [{ code: 'resident', message: `it runs as a resident: ${reason.message}` }];
}
