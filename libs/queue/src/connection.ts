import { Redis } from 'ioredis';
import { QueueError } from './errors.ts';
import { type RedisTarget, redisOptions, type ServerOptions } from './redis-target.ts';

/**
 * `waiting` connections take part in blocking reads and queue commands while Redis is away; `failing` ones answer
 * with an error within seconds, for callers that have something better to do than wait.
 */
export type ConnectionRole = 'waiting' | 'failing';

/** Reconnecting: at once, then slower, never slower than this, so that an outage of any length ends within 2 s. */
const MAX_RECONNECT_MS = 2_000;
const CONNECT_TIMEOUT_MS = 5_000;
const COMMAND_TIMEOUT_MS = 5_000;

function reconnectMs(times: number): number {
  return Math.min(MAX_RECONNECT_MS, 50 * 2 ** Math.min(times, 6));
}

/** For a connection whose owner may lose the right to use it: asked before every command. */
export type MayAct = () => boolean;

/**
 * Sends nothing once its owner may act no more: then it closes for good, with what had not been sent. In a process that
 * was stopped meanwhile, too.
 */
class RevocableRedis extends Redis {
  readonly #mayAct: MayAct;

  constructor(options: ServerOptions, mayAct: MayAct) {
    super(options);
    this.#mayAct = mayAct;
  }

  override sendCommand(...[command, stream]: Parameters<Redis['sendCommand']>): unknown {
    if (this.status !== 'ready' || this.#mayAct()) return super.sendCommand(command, stream);
    this.disconnect();
    const message = `this process may not act any more, so ${command.name} was not sent to Redis`;
    command.reject(new QueueError('redis-not-allowed', message));
    return command.promise;
  }
}

/**
 * Opens a connection. Errors of a live connection go to `onError` (rate-limit them there), never to the process.
 * `mayAct`: when it says no, the connection ends.
 */
export function connect(
  target: RedisTarget,
  role: ConnectionRole,
  onError: (error: Error) => void,
  mayAct: MayAct | null = null,
): Redis {
  const options: ServerOptions = {
    ...redisOptions(target),
    connectTimeout: CONNECT_TIMEOUT_MS,
    maxRetriesPerRequest: role === 'waiting' ? null : 1,
    ...(role === 'failing' ? { commandTimeout: COMMAND_TIMEOUT_MS } : {}),
    sentinelCommandTimeout: COMMAND_TIMEOUT_MS,
    sentinelRetryStrategy: reconnectMs,
    retryStrategy: reconnectMs,
    enableAutoPipelining: role === 'failing',
  };
  const redis = mayAct ? new RevocableRedis(options, mayAct) : new Redis(options);
  redis.on('error', onError);
  return redis;
}
