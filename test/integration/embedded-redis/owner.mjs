// A process of its own that owns an embedded Redis: what `pythond up` is to the tests of crashes.
// Argument: JSON of {dir, path}. Prints one JSON line when Redis is ready, and stops it on SIGTERM.
import { findRedisServer, startEmbeddedRedis } from '@pythond/embedded-redis';

const { dir, path } = JSON.parse(process.argv[2]);
const server = await findRedisServer({ env: process.env, mayInstall: false });
try {
  const redis = await startEmbeddedRedis({ dir, server, env: { ...process.env, PATH: path } });
  process.once('SIGTERM', () => redis.stop());
  console.log(JSON.stringify({ pid: redis.pid, adopted: redis.adopted }));
} catch (error) {
  console.log(JSON.stringify({ code: error.code, message: error.message }));
}
