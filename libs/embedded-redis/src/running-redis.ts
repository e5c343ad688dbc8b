import type { RedisExit } from './redis-process.ts';

/** A server that runs, whoever started it. */
export interface RunningRedis {
  readonly pid: number;
  /** Resolves when it ended. */
  readonly exited: Promise<RedisExit>;
  /** Resolves when it ended, its data written. */
  stop(timeoutMs: number): Promise<void>;
}
