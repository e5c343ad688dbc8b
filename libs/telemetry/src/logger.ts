import { destination, type Logger, pino } from 'pino';

export type { Logger };

export const logLevels = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;
export type LogLevel = (typeof logLevels)[number];

export interface LoggerOptions {
  readonly level: LogLevel;
  /** The app: `scheduler`, `worker`, … */
  readonly app: string;
  /** A file to append to; null: standard output. */
  readonly file: string | null;
}

/** Keys whose value is never written, wherever they stand at the first two levels. */
const SECRET_KEYS = ['password', 'token', 'secret', 'authorization', 'redisUrl', 'envs', 'environment'];

/**
 * JSON lines, one object an event. What a script printed stands under `output`, never in the message, so that a
 * line of a log is always a line of ours.
 */
export function createLogger({ level, app, file }: LoggerOptions): Logger {
  return pino(
    {
      level,
      base: { app, pid: process.pid },
      redact: { paths: SECRET_KEYS.flatMap((key) => [key, `*.${key}`]), censor: '[redacted]' },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    destination({ dest: file ?? 1, sync: false, mkdir: true, append: true }),
  );
}
