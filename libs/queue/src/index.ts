export type { Redis } from 'ioredis';
export {
  type ConnectionRole,
  connect,
  describeTarget,
  type MayAct,
  probe,
  type RedisTarget,
  redisOptions,
  type ServerOptions,
} from './connection.ts';
export { QueueError, type QueueErrorCode } from './errors.ts';
export { type AddOptions, JobQueue } from './job-queue.ts';
export { type JobContext, type JobEnd, JobWorker, type JobWorkerOptions } from './job-worker.ts';
export { key, PREFIX, queueNames } from './names.ts';
export { type QueueDepth, queueDepths } from './queue-depth.ts';
export { Script, type ScriptArg } from './script.ts';
export { type Schedule, type StoredSchedule, TickQueue } from './tick-queue.ts';
