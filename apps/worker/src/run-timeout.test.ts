import type { InputRecord, Seal } from '@pythond/jobs';
import type { Catalogue } from '@pythond/runner';
import { describe, expect, it } from 'vitest';
import { runTimeoutMs } from './run-timeout.ts';

const collectors = (timeout: number | null) =>
  ({ collectors: [{ key: 'a/a:A', interval: 600, timeout }] }) as unknown as Pick<Catalogue, 'collectors'>;
const input = (timeoutMs: number | null, seal: object | null = {}, intervalMs: number | null = null) => ({
  record: { timeoutMs, intervalMs } as InputRecord,
  seal: seal as Seal | null,
});
const of = (timeoutMs: number) => ({ key: 'a/a:A', timeoutMs });

describe('the time-out of a run', () => {
  it('of a signed input is that of its block, or of its class, however much its collector is said to have', () => {
    expect(runTimeoutMs(of(1e9), input(5_000), collectors(60))).toBe(5_000);
    expect(runTimeoutMs(of(1e9), input(null), collectors(60))).toBe(60_000);
    expect(runTimeoutMs(of(1e9), input(null), collectors(null))).toBe(1_200_000);
    expect(runTimeoutMs(of(1e9), input(null, {}, 1_000), collectors(null))).toBe(300_000);
    expect(runTimeoutMs(of(1e9), input(null), { collectors: [] })).toBe(300_000);
  });

  it('is what its collector has where that is less, or where nothing is signed', () => {
    expect(runTimeoutMs(of(4_000), input(5_000), collectors(60))).toBe(4_000);
    expect(runTimeoutMs(of(1e9), input(5_000, null), collectors(60))).toBe(1e9);
  });
});
