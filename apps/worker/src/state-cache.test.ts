import { describe, expect, it } from 'vitest';
import { StateCache } from './state-cache.ts';

const state = (version: string, bytes: number) => ({ version, data: Buffer.alloc(bytes) });

describe('StateCache', () => {
  it('holds the newest state of each collector', () => {
    const cache = new StateCache();
    cache.put('a', state('1', 3));
    cache.put('a', state('2', 4));
    expect(cache.get('a')).toEqual(state('2', 4));
    cache.drop('a');
    cache.drop('a');
    expect(cache.get('a')).toBeUndefined();
  });

  it('lets go of what was not used for longest', () => {
    const cache = new StateCache(10);
    cache.put('a', state('1', 4));
    cache.put('b', state('1', 4));
    cache.get('a');
    cache.put('c', state('1', 4));
    expect(['a', 'b', 'c'].map((name) => cache.get(name)?.version)).toEqual(['1', undefined, '1']);
    cache.put('d', state('1', 11));
    expect(['a', 'c', 'd'].map((name) => cache.get(name))).toEqual([undefined, undefined, undefined]);
  });
});
