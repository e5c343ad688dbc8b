import type { Redis } from 'ioredis';
import { key } from './names.ts';

/** The jobs of a queue, by what they wait for. */
export interface QueueDepth {
  /** For a worker. */
  readonly waiting: number;
  readonly active: number;
  /** For their time. */
  readonly delayed: number;
}

/** How full queues are, in one round trip. The names of the keys are BullMQ's. */
export async function queueDepths(redis: Redis, queues: readonly string[]): Promise<QueueDepth[]> {
  const pipeline = redis.pipeline();
  for (const queue of queues) {
    pipeline.llen(key(queue, 'wait')).zcard(key(queue, 'prioritized')).llen(key(queue, 'paused'));
    pipeline.llen(key(queue, 'active')).zcard(key(queue, 'delayed'));
  }
  const replies = ((await pipeline.exec()) ?? []).map(([, reply]) => Number(reply));
  return queues.map((_, index) => {
    const [wait = 0, prioritized = 0, paused = 0, active = 0, delayed = 0] = replies.slice(index * 5);
    return { waiting: wait + prioritized + paused, active, delayed };
  });
}
