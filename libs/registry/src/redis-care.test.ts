import { expect, it } from 'vitest';
import { redisProblems } from './redis-care.ts';

const info = (fields: Readonly<Record<string, string>>) =>
  `# Memory\r\n${Object.entries({
    maxmemory: '0',
    maxmemory_policy: 'noeviction',
    used_memory: '95',
    aof_enabled: '1',
    aof_last_write_status: 'ok',
    ...fields,
  })
    .map(([name, value]) => `${name}:${value}\r\n`)
    .join('')}`;
const codes = (fields: Readonly<Record<string, string>>) =>
  redisProblems(info(fields)).map(({ code }) => code);

it('a Redis that keeps all, or does not say, is no problem', () => {
  expect(codes({})).toEqual([]);
  expect(redisProblems('')).toEqual([]);
  expect(codes({ maxmemory: '200' })).toEqual([]);
});

it('one that may evict, keeps no append-only file, can not write it, or is nearly full, is one', () => {
  expect(codes({ maxmemory_policy: 'allkeys-lru' })).toEqual(['redis-evicts']);
  expect(codes({ aof_enabled: '0' })).toEqual(['redis-not-kept']);
  expect(codes({ aof_last_write_status: 'err' })).toEqual(['redis-disk']);
  expect(codes({ maxmemory: '100' })).toEqual(['redis-memory']);
});
