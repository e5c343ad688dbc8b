import type { Outcome } from '@pythond/jobs';
import { refusalHints } from '@pythond/sandbox';
import type { HostLimits } from './limits.ts';
import { durationText, overuseOf } from './overuse.ts';
import type { RunEnd } from './run-end.ts';

const succeeded: Outcome = { kind: 'succeeded' };
const timedOut: Outcome = { kind: 'timed-out' };

function failed(reason: Extract<Outcome, { kind: 'failed' }>['reason']): Outcome {
  return { kind: 'failed', reason };
}

function killed(reason: Extract<Outcome, { kind: 'killed' }>['reason']): Outcome {
  return { kind: 'killed', reason };
}

/**
 * How a run ended, decided here and nowhere else. The first reason wins: what a run wrote wrongly got it killed,
 * so that comes before the kill; a kill comes before what the run raised on its way out.
 */
export function outcomeOf(end: RunEnd): Outcome {
  if (end.cancelReason === 'points-limit') return killed('points-limit');
  if (end.frameError) return failed('frame');
  switch (end.cause) {
    case 'exited':
      return ownEnd(end);
    case 'timed-out':
      return timedOut;
    case 'cancelled':
      return killed(end.cancelReason ?? 'cancelled');
    case 'lease':
      return killed('lease');
    case 'result-limit':
      return killed('result-limit');
    case 'refused':
      return failed('unavailable');
    case 'host':
      return withHost(end);
  }
}

function ownEnd(end: RunEnd): Outcome {
  if (end.signal === 'SIGXCPU' || wasOutOfCpu(end)) return killed('cpu');
  if (end.error) return failed('raised');
  return end.finished && end.exitCode === 0 ? succeeded : failed('died');
}

/** The kernel sends SIGXCPU first, which a script may have ignored, and KILL a second later. */
function wasOutOfCpu({ signal, cpuMs, policy }: RunEnd): boolean {
  return signal === 'SIGKILL' && policy.limits.cpuMs !== null && cpuMs >= policy.limits.cpuMs;
}

/** A host that went by itself took its run along; one that the worker had to kill is another matter. */
function withHost({ death, cancelReason }: RunEnd): Outcome {
  switch (death?.reason) {
    case 'stopped':
      return killed(cancelReason ?? 'stopping');
    case 'frame':
    case 'overdue':
    case 'silent':
    case 'import-timeout':
    case 'memory':
    case 'tmp':
    case 'cpu':
    case 'processes':
      return killed('host');
    case 'exited':
    case 'fatal':
    case 'spawn':
    case undefined:
      return failed('host');
  }
}

/** The outcome as a sentence for people. */
export function causeOf(end: RunEnd, limits: Pick<HostLimits, 'resultBytes' | 'points'>): string {
  const outcome = outcomeOf(end);
  switch (outcome.kind) {
    case 'succeeded':
      return 'succeeded';
    case 'timed-out':
      return `killed: it took longer than its time-out of ${durationText(end.timeoutMs)}`;
    case 'failed':
      return failureOf(end, outcome.reason);
    case 'killed':
      return `killed: ${killOf(end, outcome.reason, limits)}`;
    case 'skipped':
    case 'lost':
    case 'running':
      return outcome.kind;
  }
}

function failureOf(end: RunEnd, reason: Extract<Outcome, { kind: 'failed' }>['reason']): string {
  switch (reason) {
    case 'raised':
      return [`run() raised ${end.error?.type}: ${end.error?.message}`, ...refusalHints(end.refused)].join(
        '; ',
      );
    case 'died':
      return `its process ${manner(end)} before run() returned`;
    case 'frame':
      return `what it wrote to its result descriptor is not a report: ${end.frameError?.message}`;
    case 'host':
      return `its Python host is gone: ${end.message}`;
    case 'unavailable':
      return `it could not be started: ${end.message ?? 'the Python host refused it'}`;
  }
}

function killOf(
  end: RunEnd,
  reason: Extract<Outcome, { kind: 'killed' }>['reason'],
  limits: Pick<HostLimits, 'resultBytes' | 'points'>,
): string {
  switch (reason) {
    case 'lease':
      return 'the worker could not renew its lease, so another worker may run it';
    case 'stopping':
      return 'the worker is stopping';
    case 'cancelled':
      return 'it was cancelled';
    case 'result-limit':
      return `it reported more than ${limits.resultBytes / 1024 / 1024} MiB`;
    case 'points-limit':
      return `it reported more than ${limits.points.toLocaleString('en-US')} points`;
    case 'memory':
    case 'tmp':
    case 'cpu':
    case 'processes':
      return overuseOf(reason, end.policy.limits);
    case 'host':
      return `its Python host had to be killed: ${end.message}`;
  }
}

function manner({ signal, exitCode }: RunEnd): string {
  return signal === null ? `ended with exit code ${exitCode ?? 'unknown'}` : `was ended by ${signal}`;
}
