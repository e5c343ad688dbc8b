import { describe, expect, it } from 'vitest';
import type { RedisFolder } from './redis-folder.ts';
import { explainFailure } from './redis-log.ts';

const folder: RedisFolder = {
  dir: '/h',
  dataDir: '/h/data',
  configFile: '/h/redis.conf',
  passwordFile: '/h/password',
  pidFile: '/h/redis.pid',
  logFile: '/h/redis.log',
};
const redis7 = { path: '/usr/bin/redis-server', flavour: 'redis', version: '7.0.15' } as const;
const redis6 = { ...redis7, version: '6.2.14' };
const valkey = { path: '/usr/bin/valkey-server', flavour: 'valkey', version: '8.1.1' } as const;

describe('what the last words of a server mean', () => {
  it('names the damaged file and what mends it', () => {
    const tail =
      '1337:M # Bad file format reading the append only file appendonly.aof.1.incr.aof: make a backup of your AOF file, then use ./redis-check-aof --fix <filename.manifest>';
    const error = explainFailure(folder, redis7, tail);
    expect(error.code).toBe('redis-data-corrupt');
    expect(error.message).toContain('/h/data/appendonlydir/appendonly.aof.1.incr.aof is damaged');
    expect(error.message).toContain('redis-check-aof --fix /h/data/appendonlydir/appendonly.aof.manifest');
    expect(explainFailure(folder, valkey, tail).message).toContain('valkey-check-aof --fix');
  });

  it('knows the one file of Redis 6.2', () => {
    const tail =
      'Bad file format reading the append only file: make a backup of your AOF file, then use ./redis-check-aof --fix <filename>';
    const { message } = explainFailure(folder, redis6, tail);
    expect(message).toContain('redis-check-aof --fix /h/data/appendonly.aof');
  });

  it('knows a damaged manifest', () => {
    const { code, message } = explainFailure(
      folder,
      redis7,
      "# >>> 'junk'\n# Invalid AOF manifest file format",
    );
    expect([code, message]).toEqual([
      'redis-data-corrupt',
      expect.stringContaining('appendonly.aof.manifest is damaged'),
    ]);
  });

  it('knows data of a newer version', () => {
    expect(explainFailure(folder, redis7, "# Can't handle RDB format version 12").code).toBe(
      'redis-data-newer',
    );
  });

  it('shows the words themselves otherwise', () => {
    const error = explainFailure(folder, redis7, 'Bad directive or wrong number of arguments');
    expect([error.code, error.message]).toEqual([
      'redis-start-failed',
      expect.stringContaining('Bad directive'),
    ]);
  });
});
