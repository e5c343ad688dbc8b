/**
 * Why a host is gone. The first reason wins.
 *
 * - `stopped`: it was asked to.
 * - `import-timeout`: it was not ready in time.
 * - `overdue`: a run outlived its time-out, lease or cancellation, and the host did nothing about it.
 * - `silent`: it neither started nor refused a run, or does not read what it is sent.
 * - `memory`, `tmp`, `cpu`, `processes`: what is not any run's used more than one run may.
 * - `frame`: it broke the protocol.
 * - `fatal`: it said that it can't go on.
 * - `exited`: it ended by itself, or someone killed it.
 * - `spawn`: it could not be started.
 */
export type DeathReason =
  | 'stopped'
  | 'import-timeout'
  | 'overdue'
  | 'silent'
  | 'memory'
  | 'tmp'
  | 'cpu'
  | 'processes'
  | 'frame'
  | 'fatal'
  | 'exited'
  | 'spawn';

export interface HostDeath {
  readonly reason: DeathReason;
  /** What happened in a sentence, and what the host printed last, if anything. */
  readonly message: string;
  /** Null both: it was never started, or the kernel has not let go of it. */
  readonly exitCode: number | null;
  readonly signal: string | null;
  /** What it wrote to descriptors 1 and 2 outside of runs and imports, cut. */
  readonly stdout: string;
  readonly stderr: string;
}

/** How a host's end looks from outside. */
export interface LastWords {
  readonly exitCode: number | null;
  readonly signal: string | null;
  readonly stdout: string;
  readonly stderr: string;
}

const SHOWN_CHARS = 500;

export function deathOf(reason: DeathReason, why: string, words: LastWords): HostDeath {
  const how = reason === 'exited' ? ` (${manner(words)})` : '';
  const said = words.stderr.trim() || words.stdout.trim();
  const tail = said.length > SHOWN_CHARS ? `…${said.slice(-SHOWN_CHARS)}` : said;
  const message = tail && reason !== 'stopped' ? `${why}${how}. It printed: ${tail}` : why + how;
  return { reason, message, ...words };
}

function manner({ exitCode, signal }: LastWords): string {
  if (signal !== null) return `killed by ${signal}`;
  return exitCode === null ? 'it is not known how' : `exit code ${exitCode}`;
}
