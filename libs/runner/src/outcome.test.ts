import type { Outcome } from '@pythond/jobs';
import { defaultPolicy, unconfined } from '@pythond/sandbox';
import { describe, expect, it } from 'vitest';
import { FrameError } from './errors.ts';
import type { DeathReason, HostDeath } from './host-death.ts';
import { defaultHostLimits } from './limits.ts';
import { causeOf, outcomeOf } from './outcome.ts';
import type { RunEnd } from './run-end.ts';

const good: RunEnd = {
  run: 1,
  collector: 'd/m:C',
  cause: 'exited',
  message: null,
  death: null,
  cancelReason: null,
  exitCode: 0,
  signal: null,
  times: { startedAtNs: 1n, endedAtNs: 2n, forkMs: 1, runMs: 1 },
  timeoutMs: 300_000,
  cpuMs: 1,
  maxRssKb: 1,
  stdout: '',
  stderr: '',
  bytes: { stdout: 0, stderr: 0, result: 0 },
  finished: true,
  error: null,
  reports: 0,
  lastErrors: [],
  warnings: [],
  refused: [],
  policy: unconfined(),
  state: null,
  frameError: null,
  strays: 0,
};
const raised = { type: 'ValueError', message: 'no', traceback: 'T' };
const limited = unconfined({ ...defaultPolicy, cpuMs: 1_500 });
const frameError = new FrameError('length-zero', 'a frame of length 0');

function dead(reason: DeathReason): HostDeath {
  return { reason, message: `host: ${reason}`, exitCode: null, signal: null, stdout: '', stderr: '' };
}

const cases: [string, Partial<RunEnd>, Outcome, string][] = [
  ['returned', {}, { kind: 'succeeded' }, 'succeeded'],
  [
    'raised',
    { error: raised, exitCode: 1 },
    { kind: 'failed', reason: 'raised' },
    'run() raised ValueError: no',
  ],
  [
    'left by os._exit',
    { finished: false, exitCode: 3 },
    { kind: 'failed', reason: 'died' },
    'its process ended with exit code 3 before run() returned',
  ],
  [
    'crashed',
    { finished: false, exitCode: null, signal: 'SIGSEGV' },
    { kind: 'failed', reason: 'died' },
    'its process was ended by SIGSEGV before run() returned',
  ],
  [
    'used up its CPU time',
    { finished: false, exitCode: null, signal: 'SIGXCPU' },
    { kind: 'killed', reason: 'cpu' },
    'killed: used more CPU time than it may',
  ],
  [
    'ignored the signal that told it so',
    { finished: false, exitCode: null, signal: 'SIGKILL', cpuMs: 2_000, policy: limited },
    { kind: 'killed', reason: 'cpu' },
    'killed: used more than 1.5 s of CPU time',
  ],
  [
    'was killed by somebody else',
    { finished: false, exitCode: null, signal: 'SIGKILL', cpuMs: 20, policy: limited },
    { kind: 'failed', reason: 'died' },
    'its process was ended by SIGKILL before run() returned',
  ],
  ...(
    [
      ['memory', 'used more than 512 MiB'],
      ['tmp', 'put more than 256 MiB into its temporary folder'],
      ['processes', 'had more than 256 processes and threads'],
    ] as const
  ).map(([reason, cause]): [string, Partial<RunEnd>, Outcome, string] => [
    `was killed for its ${reason}`,
    { cause: 'cancelled', cancelReason: reason, finished: false, exitCode: null, signal: 'SIGKILL' },
    { kind: 'killed', reason },
    `killed: ${cause}`,
  ]),
  [
    'raised because the sandbox refused something',
    { error: raised, exitCode: 1, refused: [{ kind: 'read', path: '/var/log/syslog', key: 'read_paths' }] },
    { kind: 'failed', reason: 'raised' },
    'run() raised ValueError: no; the sandbox refused reading /var/log/syslog; allow it with read_paths = ["/var/log"] in this input\'s block',
  ],
  [
    'timed out, and raised on its way out',
    { cause: 'timed-out', error: raised },
    { kind: 'timed-out' },
    'killed: it took longer than its time-out of 5 min',
  ],
  [
    'lost its lease',
    { cause: 'lease' },
    { kind: 'killed', reason: 'lease' },
    'killed: the worker could not renew its lease, so another worker may run it',
  ],
  [
    'reported too much',
    { cause: 'result-limit' },
    { kind: 'killed', reason: 'result-limit' },
    'killed: it reported more than 16 MiB',
  ],
  [
    'reported too many points, and ended before the cancellation',
    { cancelReason: 'points-limit' },
    { kind: 'killed', reason: 'points-limit' },
    'killed: it reported more than 100,000 points',
  ],
  ['cancelled', { cause: 'cancelled' }, { kind: 'killed', reason: 'cancelled' }, 'killed: it was cancelled'],
  [
    'cancelled by a worker that stops',
    { cause: 'cancelled', cancelReason: 'stopping' },
    { kind: 'killed', reason: 'stopping' },
    'killed: the worker is stopping',
  ],
  ['ended before its cancellation', { cancelReason: 'stopping' }, { kind: 'succeeded' }, 'succeeded'],
  [
    'wrote nonsense and was killed for it',
    { cause: 'cancelled', frameError },
    { kind: 'failed', reason: 'frame' },
    'what it wrote to its result descriptor is not a report: a frame of length 0',
  ],
  [
    'was refused',
    { cause: 'refused', message: 'no such collector', finished: false, exitCode: null },
    { kind: 'failed', reason: 'unavailable' },
    'it could not be started: no such collector',
  ],
  ...(['exited', 'fatal', 'spawn'] as const).map((reason): [string, Partial<RunEnd>, Outcome, string] => [
    `lost its host (${reason})`,
    { cause: 'host', death: dead(reason), message: 'M' },
    { kind: 'failed', reason: 'host' },
    'its Python host is gone: M',
  ]),
  ...(['frame', 'silent', 'overdue', 'import-timeout', 'memory', 'tmp', 'processes'] as const).map(
    (reason): [string, Partial<RunEnd>, Outcome, string] => [
      `had its host killed (${reason})`,
      { cause: 'host', death: dead(reason), message: 'M' },
      { kind: 'killed', reason: 'host' },
      'killed: its Python host had to be killed: M',
    ],
  ),
  [
    'had its host stopped',
    { cause: 'host', death: dead('stopped'), message: 'M', cancelReason: 'stopping' },
    { kind: 'killed', reason: 'stopping' },
    'killed: the worker is stopping',
  ],
];

describe('outcomeOf and causeOf', () => {
  it.each(cases)('a run that %s', (_, end, outcome, cause) => {
    expect(outcomeOf({ ...good, ...end })).toEqual(outcome);
    expect(causeOf({ ...good, ...end }, defaultHostLimits)).toBe(cause);
  });

  it('says short time-outs in seconds and milliseconds', () => {
    const timedOut = { ...good, cause: 'timed-out' as const };
    expect(causeOf({ ...timedOut, timeoutMs: 1_500 }, defaultHostLimits)).toContain('1.5 s');
    expect(causeOf({ ...timedOut, timeoutMs: 200 }, defaultHostLimits)).toContain('200 ms');
  });
});
