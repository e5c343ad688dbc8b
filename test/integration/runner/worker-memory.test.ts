import { readFileSync, writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { run, startHostile } from './support.ts';

/** The most that a worker may grow, whatever a host sends. */
const GROWTH_KB = 64 * 1024;
/** A frame of the largest size that is also right is held as bytes and as text, and V8 lets old text wait a while. */
const VALID_GROWTH_KB = 112 * 1024;

/** Has the kernel forget the highest resident size so far (proc_pid_clear_refs(5)), and tells the current one. */
function beginMeasuring(): number {
  writeFileSync('/proc/self/clear_refs', '5');
  return statusKb('VmRSS');
}

function statusKb(field: 'VmRSS' | 'VmHWM'): number {
  const status = readFileSync('/proc/self/status', 'latin1');
  return Number(new RegExp(`^${field}:\\s+(\\d+) kB$`, 'm').exec(status)?.[1]);
}

describe('whatever a host sends, the worker stays small', () => {
  // The largest first: what one leaves to the garbage collector is room for the next.
  it.each([
    ['reports_of_16_mib', 6, VALID_GROWTH_KB],
    ['wide_reports_of_16_mib', 6, GROWTH_KB],
    ['many_unfinished', 8, GROWTH_KB],
    ['floods_result', 1, GROWTH_KB],
    ['unfinished_frame', 1, GROWTH_KB],
    ['ends_of_3_mib', 20, GROWTH_KB],
    ['ready_of_8_mib', 0, GROWTH_KB],
    ['bomb_in_ready', 0, GROWTH_KB],
    ['floods_stdout', 0, GROWTH_KB],
  ])('%s', async (kind, runs, growthKb) => {
    const before = beginMeasuring();
    const host = await startHostile(kind);
    await host.ready.catch(() => {});
    if (kind === 'many_unfinished') await Promise.all(Array.from({ length: runs }, () => run(host, 'any')));
    else for (let i = 0; i < runs; i++) await run(host, 'any');
    const { stdout, stderr } = await host.stop();
    expect(statusKb('VmHWM') - before).toBeLessThan(growthKb);
    for (const text of [stdout, stderr]) expect(text.length).toBeLessThan(70_000);
  });
});
