import type { HostDeath } from './host-death.ts';

export type FrameErrorCode =
  | 'length-zero'
  | 'too-long'
  | 'unknown-type'
  | 'truncated'
  | 'bad-utf8'
  | 'bad-json'
  | 'not-an-object'
  | 'does-not-fit'
  | 'out-of-order'
  | 'unknown-run'
  | 'flood'
  | 'too-much-unfinished'
  | 'report-refused';

/** A stream of frames holds what the protocol does not allow. Whoever speaks on it is not heard any further. */
export class FrameError extends Error {
  readonly code: FrameErrorCode;
  constructor(code: FrameErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'FrameError';
    this.code = code;
  }
}

export type InterpreterErrorCode =
  | 'interpreter-not-found'
  | 'interpreter-not-executable'
  | 'interpreter-not-python'
  | 'interpreter-too-old'
  | 'interpreter-hangs';

/** The `cmd` of an input is no Python that can be used here. The message names the input, the path and the remedy. */
export class InterpreterError extends Error {
  readonly code: InterpreterErrorCode;
  constructor(code: InterpreterErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'InterpreterError';
    this.code = code;
  }
}

/** A host did not get ready, or is gone. `death` says how. */
export class HostDiedError extends Error {
  readonly code: `host-${HostDeath['reason']}`;
  readonly death: HostDeath;
  constructor(death: HostDeath, options?: ErrorOptions) {
    super(death.message, options);
    this.name = 'HostDiedError';
    this.code = `host-${death.reason}`;
    this.death = death;
  }
}

/** A run was asked of a host that is not ready: still starting, stopping, or dead. */
export class HostNotReadyError extends Error {
  readonly code = 'host-not-ready';
  constructor(state: string) {
    super(`the Python host is ${state}: it takes no run`);
    this.name = 'HostNotReadyError';
  }
}

/** A host of this kind died lately; the next start is put off. `cause` is the last death. */
export class HostUnavailableError extends Error {
  readonly code = 'host-unavailable';
  readonly retryAfterMs: number;
  constructor(retryAfterMs: number, deaths: number, cause: HostDiedError) {
    const times = deaths === 1 ? 'once' : `${deaths} times in a row`;
    super(
      `the Python host died ${times}; it is started again in ${Math.ceil(retryAfterMs)} ms. The last time: ${cause.message}`,
      { cause },
    );
    this.name = 'HostUnavailableError';
    this.retryAfterMs = retryAfterMs;
  }
}

export class HostPoolStoppedError extends Error {
  readonly code = 'host-pool-stopped';
  constructor() {
    super('the worker is stopping: no Python host is started any more');
    this.name = 'HostPoolStoppedError';
  }
}

/** It is not known what can be confined here. The message says what the interpreter answered instead. */
export class SandboxProbeError extends Error {
  readonly code = 'sandbox-probe';
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'SandboxProbeError';
  }
}

/** Scripts could not be parsed by their interpreter. The message says what it answered instead. */
export class ScriptSurveyError extends Error {
  readonly code = 'script-survey';
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'ScriptSurveyError';
  }
}
