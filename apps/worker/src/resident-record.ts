import type { Outcome, RunRecord, RunWarning } from '@pythond/jobs';
import type { CappedText, PassBegan, PassEnded } from '@pythond/runner';
import { refusalHints } from '@pythond/sandbox';
import { outputOf, tail } from './run-record.ts';
import type { RunReportsEnd } from './run-reports.ts';

/** What all calls of one resident have in common. */
export interface PassFacts {
  readonly worker: string;
  readonly sandbox: RunRecord['sandbox'];
}

/** One call of run(). */
export interface Pass extends PassFacts {
  readonly id: string;
  readonly collector: string;
  readonly began: PassBegan;
  /** null: it goes on, or its process went with it. */
  readonly ended: PassEnded | null;
  readonly stdout: CappedText;
  readonly stderr: CappedText;
  readonly warnings: readonly RunWarning[];
}

/** How a call ended that did not return. */
export interface PassCut {
  readonly outcome: Outcome;
  readonly hint: string;
}

/** The record of a call: of one that returned, was cut short (`cut`), or goes on. */
export function passRecord(
  pass: Pass,
  points: RunReportsEnd,
  deliverMs: number,
  cut: PassCut | null = null,
): RunRecord {
  const { began, ended, warnings, stdout, stderr, id, collector, worker, sandbox } = pass;
  const startedMs = toMs(began.at);
  const endedMs = ended ? toMs(ended.at) : Date.now();
  const { reported, delivered, queued, dead, normaliseMs } = points;
  return {
    ...{ v: 1, id, collector, kind: began.kind, dueMs: began.dueMs, startedMs, endedMs },
    ...{ attempt: 1, worker, sandbox, outcome: cut?.outcome ?? outcomeOf(ended) },
    phases: {
      lagMs: Math.max(0, startedMs - began.dueMs),
      ...{ prepareMs: 0, forkMs: 0, runMs: Math.max(0, endedMs - startedMs) },
      ...{ normaliseMs: Math.round(normaliseMs * 1000) / 1000, deliverMs: Math.round(deliverMs) },
    },
    ...{ cpuMs: ended?.cpuMs ?? 0, maxRssKb: 0 },
    points: { reported, delivered, queued, dead },
    warnings: [...warnings, ...points.warnings],
    error: ended?.error ?? null,
    hint: cut?.hint ?? hintOf(ended),
    ...{ stdout: tail(stdout.toString()), stderr: tail(stderr.toString()) },
    ...{ stdoutBytes: stdout.bytes, stderrBytes: stderr.bytes, resident: true },
  };
}

/** The long form of what a call's process printed, when the record does not hold it. */
export function passOutput({ stdout, stderr }: Pick<Pass, 'stdout' | 'stderr'>) {
  return outputOf({ stdout: stdout.toString(), stderr: stderr.toString() });
}

function outcomeOf(ended: PassEnded | null): Outcome {
  if (!ended) return { kind: 'running' };
  return ended.error ? { kind: 'failed', reason: 'raised' } : { kind: 'succeeded' };
}

function hintOf(ended: PassEnded | null): string | null {
  if (!ended?.error) return null;
  const { type, message } = ended.error;
  return [`run() raised ${type}: ${message}`, ...refusalHints(ended.refused)].join('; ');
}

function toMs(ns: bigint): number {
  return Number(ns / 1_000_000n);
}
