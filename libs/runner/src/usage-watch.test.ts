import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Exceeded, UsageWatch, type WatchedHost, type WatchedRun } from './usage-watch.ts';

const MIB = 1024 ** 2;
const roomy = { memoryBytes: 4096 * MIB, tmpBytes: 64 * MIB, cpuMs: null, processes: 256 };
let tmpRoot = '';
let child: ChildProcess;

beforeEach(async () => {
  tmpRoot = mkdtempSync(join(tmpdir(), 'pythond-watch-'));
  mkdirSync(join(tmpRoot, 'run-0'));
  child = spawn('sleep', ['600'], { stdio: 'ignore' });
  await once(child, 'spawn');
  while (isLoading(child)) await setImmediate(); // until then it has no memory to speak of
});
afterEach(() => {
  child.kill('SIGKILL');
  rmSync(tmpRoot, { recursive: true, force: true });
});

/** Whether a program that only sleeps is not there yet. */
function isLoading({ pid }: ChildProcess): boolean {
  return process.platform === 'linux' && !/^State:\s+S/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
}

/** This process as a host, and its child as a run of it. */
function watched(limits: Partial<WatchedHost['usageLimits']>, run: Partial<WatchedRun> = {}, restMs = 0) {
  const said: string[] = [];
  const one: WatchedRun = {
    ...{ pid: child.pid ?? 0, folder: 'run-0', startedMs: performance.now() - 10_000 },
    exceed: (what: Exceeded) => void said.push(`run ${what}`),
    ...run,
  };
  const host: WatchedHost = {
    ...{ pid: process.pid, tmpRoot, usageLimits: { ...roomy, ...limits }, isBusy: false, restMs },
    watchedRuns: () => [one],
    exceed: (what) => void said.push(`host ${what}`),
  };
  const watch = new UsageWatch({ everyMs: 600_000 });
  watch.add(host);
  const look = async () => {
    await watch.look();
    watch.remove(host);
    return said;
  };
  return look;
}

describe.skipIf(process.platform !== 'linux')('the watch over what runs use', () => {
  it('says nothing of what is within its limits', async () => {
    expect(await watched({})()).toEqual([]);
  });

  it('tells a run from its host', async () => {
    expect(await watched({ memoryBytes: 20 * MIB })()).toEqual(['host memory']);
    expect(await watched({ memoryBytes: 64 * 1024 })()).toEqual(['run memory', 'host memory']);
    expect(await watched({ processes: 0 })()).toContain('run processes');
  });

  it('believes no pid that is no child of the host: what it has counts as the host’s own', async () => {
    expect(await watched({ processes: 0 }, { pid: 1 })()).toEqual(['host processes']);
  });

  it('measures the folder of a run, and apart from it what lies beside', async () => {
    writeFileSync(join(tmpRoot, 'run-0/file'), Buffer.alloc(2 * MIB, 'x'));
    expect(await watched({ tmpBytes: MIB })()).toEqual(['run tmp']);
    expect(await watched({ tmpBytes: 0.4 * MIB }, { folder: null })()).toEqual(['host tmp']);
  });

  it('looks no more often than a host needs it', async () => {
    expect(await watched({ processes: 0 }, {}, 600_000)()).toEqual([]);
  });

  it('leaves young runs alone', async () => {
    expect(await watched({ processes: 0 }, { startedMs: performance.now() })()).toEqual([]);
  });
});
