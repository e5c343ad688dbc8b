import { createConnection } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { AbstractConnector, Redis, type RedisOptions } from 'ioredis';
import type { Address } from './redis-url.ts';

/** Of `{pythond}`: CRC16 of what is in the braces, modulo 16384, as the cluster specification has it. */
export const SLOT = 13_011;
const ANSWER_MS = 2_000;

type Options = Pick<
  RedisOptions,
  'username' | 'password' | 'tls' | 'connectTimeout' | 'disconnectTimeout' | 'family'
>;

/**
 * Connects to the node of a Redis Cluster that holds the fleet. All keys have one hash tag, so one node holds all
 * of them, and a plain connection to its master does: which one that is, is asked at every connecting, of any node
 * that answers. The fleet moves on by itself when another node takes over, since then the connection ends, or the
 * old one answers MOVED.
 */
export function clusterConnector(seeds: readonly Address[]): NonNullable<RedisOptions['Connector']> {
  return class ClusterConnector extends AbstractConnector {
    readonly #options: Options;
    #nodes = seeds;

    constructor(options: unknown) {
      const known = options as Options; // ioredis hands its own
      super(known.disconnectTimeout ?? ANSWER_MS);
      this.#options = known;
    }

    override async connect() {
      this.connecting = true;
      const { host, port } = await this.#holder();
      if (!this.connecting) throw new Error('Connection is closed.');
      const { tls, family } = this.#options;
      const to = { host, port, ...(family ? { family } : {}) };
      this.stream = tls ? connectTls({ ...to, ...tls }) : createConnection(to);
      this.stream.once('error', (error) => {
        this.firstError = error;
      });
      return this.stream;
    }

    /** The master of the slot, as the first node says that answers. */
    async #holder(): Promise<Address> {
      let failure: unknown;
      for (const node of this.#nodes) {
        try {
          const { holder, nodes } = await this.#ask(node);
          this.#nodes = [...nodes, ...seeds];
          return holder;
        } catch (error) {
          failure = error;
        }
      }
      this.#nodes = seeds;
      throw failure;
    }

    async #ask(node: Address) {
      const { username, password, tls, connectTimeout } = this.#options;
      const redis = new Redis({
        ...node,
        ...(username ? { username } : {}),
        ...(password ? { password } : {}),
        ...(tls ? { tls } : {}),
        ...(connectTimeout ? { connectTimeout } : {}),
        ...{ lazyConnect: true, enableReadyCheck: false, commandTimeout: ANSWER_MS, maxRetriesPerRequest: 0 },
        retryStrategy: () => null,
      });
      let failure: unknown;
      redis.on('error', (error) => {
        failure ??= error;
      });
      try {
        await redis.connect();
        return readSlots(await redis.cluster('SLOTS'), node);
      } catch (error) {
        throw failure ?? error;
      } finally {
        redis.disconnect();
      }
    }
  };
}

/**
 * From the reply of CLUSTER SLOTS: `[first, last, [host, port, …] of the master, [host, port, …] of a replica, …]` each.
 * A node that does not know its own name is called what it was asked at.
 */
function readSlots(reply: unknown, asked: Address): { holder: Address; nodes: readonly Address[] } {
  const ranges = reply as [number, number, ...[string | null, number][]][];
  const addressOf = ([host, port]: [string | null, number]) => ({ host: host || asked.host, port });
  const nodes = ranges.flatMap(([, , ...members]) => members.map(addressOf));
  const range = ranges.find(([first, last]) => first <= SLOT && SLOT <= last);
  const master = range?.[2];
  if (!master) throw new Error(`CLUSTERDOWN no node of the cluster holds slot ${SLOT}`);
  return { holder: addressOf(master), nodes };
}
