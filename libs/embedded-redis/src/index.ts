export { EmbeddedRedisError, type EmbeddedRedisErrorCode } from './errors.ts';
export { type FindRedisOptions, findRedisServer } from './find-redis-server.ts';
export { type LocatedRedis, locateEmbeddedRedis } from './locate-embedded-redis.ts';
export type { RedisServer } from './server-program.ts';
export {
  type EmbeddedRedis,
  type EmbeddedRedisOptions,
  startEmbeddedRedis,
  type UnexpectedExit,
} from './start-embedded-redis.ts';
