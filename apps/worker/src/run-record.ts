import type { RunRecord, RunWarning } from '@pythond/jobs';
import { outcomeOf, type RunEnd } from '@pythond/runner';
import type { RunReportsEnd } from './run-reports.ts';

/** What is known of a run whatever became of it. */
export interface RunFacts {
  readonly id: string;
  readonly collector: string;
  readonly kind: RunRecord['kind'];
  readonly dueMs: number;
  readonly takenMs: number;
  readonly startedMs: number;
  readonly attempt: number;
  readonly worker: string;
  readonly sandbox: RunRecord['sandbox'];
}

export interface RunSettled {
  readonly points: RunReportsEnd;
  readonly deliverMs: number;
  /** What happened, as a sentence, when it did not succeed. */
  readonly hint: string | null;
  readonly warnings: readonly RunWarning[];
}

/** Output in a record; what is longer goes to the collector's few long outputs. */
const TAIL_CHARS = 4_096;

export function recordOf(facts: RunFacts, end: RunEnd, settled: RunSettled): RunRecord {
  const { points } = settled;
  return {
    ...base(facts),
    outcome: outcomeOf(end),
    phases: {
      lagMs: Math.max(0, facts.takenMs - facts.dueMs),
      prepareMs: Math.max(0, facts.startedMs - facts.takenMs),
      forkMs: end.times.forkMs,
      runMs: end.times.runMs,
      normaliseMs: round(points.normaliseMs),
      deliverMs: round(settled.deliverMs),
    },
    cpuMs: end.cpuMs,
    maxRssKb: end.maxRssKb,
    points: {
      reported: points.reported,
      delivered: points.delivered,
      queued: points.queued,
      dead: points.dead,
    },
    warnings: [...end.warnings, ...settled.warnings],
    error: end.error,
    hint: settled.hint,
    stdout: tail(end.stdout),
    stderr: tail(end.stderr),
    stdoutBytes: end.bytes.stdout,
    stderrBytes: end.bytes.stderr,
  };
}

/** A tick that could not be run at all: no interpreter, no bundle, a host that dies. */
export function unavailableRecord(facts: RunFacts, cause: unknown): RunRecord {
  const message = cause instanceof Error ? cause.message : String(cause);
  const type = cause instanceof Error ? cause.name : 'Error';
  return {
    ...base(facts),
    outcome: { kind: 'failed', reason: 'unavailable' },
    phases: { lagMs: Math.max(0, facts.takenMs - facts.dueMs), prepareMs: 0, ...noPhases },
    ...nothing,
    error: { type, message, traceback: '' },
    hint: message,
  };
}

/** The long form of what a run printed, when a record's tail does not hold it. */
export function outputOf({ stdout, stderr }: Pick<RunEnd, 'stdout' | 'stderr'>) {
  return stdout.length > TAIL_CHARS || stderr.length > TAIL_CHARS ? { stdout, stderr } : null;
}

/** For a run that never was: it printed nothing. */
export const emptyEnd = { stdout: '', stderr: '' };

const noPhases = { forkMs: 0, runMs: 0, normaliseMs: 0, deliverMs: 0 };
const nothing = {
  cpuMs: 0,
  maxRssKb: 0,
  points: { reported: 0, delivered: 0, queued: 0, dead: 0 },
  warnings: [],
  stdout: '',
  stderr: '',
  stdoutBytes: 0,
  stderrBytes: 0,
};

function base({ takenMs: _, ...facts }: RunFacts) {
  return { v: 1 as const, ...facts, endedMs: Date.now() };
}

export function tail(text: string): string {
  return text.length > TAIL_CHARS ? `…${text.slice(-TAIL_CHARS)}` : text;
}

function round(ms: number): number {
  return Math.round(ms * 1000) / 1000;
}
