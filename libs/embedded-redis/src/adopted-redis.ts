import { connect } from 'node:net';
import { pause, withDeadline } from '@pythond/lifecycle';
import { EmbeddedRedisError } from './errors.ts';
import { probe } from './probe.ts';
import type { RedisExit } from './redis-process.ts';
import { ask, encodeCommand } from './resp.ts';
import type { RunningRedis } from './running-redis.ts';

const RETRY_MS = 100;

/**
 * A server that an earlier process of ours started and left behind. We did not start it, so we never signal it: its
 * end shows by its closing a connection, and stopping is a command that it obeys.
 */
export class AdoptedRedis implements RunningRedis {
  readonly pid: number;
  readonly exited: Promise<RedisExit>;
  readonly #socketPath: string;
  readonly #password: string;

  constructor(pid: number, socketPath: string, password: string) {
    this.pid = pid;
    this.#socketPath = socketPath;
    this.#password = password;
    this.exited = this.#watch();
  }

  async #watch(): Promise<RedisExit> {
    for (;;) {
      await this.#connectionClosed();
      const state = await probe(this.#socketPath, this.#password).catch(() => null);
      if (state?.state === 'absent') return { code: null, signal: null };
      await pause(RETRY_MS);
    }
  }

  #connectionClosed(): Promise<void> {
    return new Promise((resolve) => {
      const socket = connect(this.#socketPath);
      socket.on('error', () => undefined);
      socket.once('close', () => resolve());
      socket.once('connect', () => socket.write(encodeCommand(['AUTH', this.#password])));
      socket.resume();
      socket.unref();
    });
  }

  async stop(timeoutMs: number): Promise<void> {
    const commands = [['AUTH', this.#password], ['SHUTDOWN']];
    // It answers by closing the connection; that it is gone already is as well.
    const [, refusal] = await ask(this.#socketPath, commands, timeoutMs).catch(() => []);
    try {
      await withDeadline(this.exited, timeoutMs, 'Stopping Redis');
    } catch (cause) {
      throw new EmbeddedRedisError(
        'redis-stop-failed',
        `The Redis with pid ${this.pid}, which an earlier process left behind, does not stop${refusal?.kind === 'error' ? ` (${refusal.text})` : ''}. End it with: kill ${this.pid}`,
        { cause },
      );
    }
  }
}
