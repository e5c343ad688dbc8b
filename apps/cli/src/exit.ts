/** What a command's end means to a script; documented in docs/cli.md. */
export const exitCodes = {
  ok: 0,
  /** The command did its work and something in it failed (a collector, a delivery). */
  failed: 1,
  /** Nothing could be done: wrong usage or configuration, no Redis, no such collector. */
  usage: 2,
  /** Ended by Ctrl-C twice. */
  interrupted: 130,
} as const;

export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];

/** Ends a command with a message for the user instead of a stack trace. */
export class CommandError extends Error {
  override readonly name = 'CommandError';
  readonly exitCode: ExitCode;

  constructor(message: string, exitCode: ExitCode = exitCodes.usage, options?: { cause?: unknown }) {
    super(message, options);
    this.exitCode = exitCode;
  }
}
