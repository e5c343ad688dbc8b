import type { WorkerView } from '@pythond/registry';
import { describe, expect, it } from 'vitest';
import { HostRoll } from './host-roll.ts';

const worker = (host: string, ...pools: string[]) =>
  ({ host, pools, takesOwnHost: true }) as unknown as WorkerView;

describe('the hosts that are there', () => {
  it('are those of the workers, once for each pool, however many workers a host has', () => {
    const roll = new HostRoll();
    const workers = [worker('a', 'default', 'slow'), worker('a', 'default'), worker('b', 'slow')];
    expect([...roll.look(workers, 0).keys()]).toEqual(['default@a', 'slow@a', 'slow@b']);
  });

  it('are gone a while after their last worker, and back with the next', () => {
    const roll = new HostRoll();
    roll.look([worker('a', 'default')], 0);
    expect(roll.look([], 6_000).size).toBe(1);
    expect(roll.look([], 6_001).size).toBe(0);
    expect(roll.look([worker('a', 'default')], 7_000).size).toBe(1);
  });

  it('include for a while those that an earlier scheduler knew, and never again', () => {
    const roll = new HostRoll();
    const known = [{ pool: 'default', host: 'a' }];
    expect(roll.look([], 0, known).size).toBe(1);
    expect(roll.look([], 6_001, known).size).toBe(0);
    expect(roll.look([], 6_002, known).size).toBe(0);
  });

  it('are not those of workers of earlier versions, which take nothing of their host alone', () => {
    const old = { ...worker('a', 'default'), takesOwnHost: undefined } as unknown as WorkerView;
    expect(new HostRoll().look([old], 0).size).toBe(0);
  });
});
