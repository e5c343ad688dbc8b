import { hostname } from 'node:os';
import { Fleet } from '@pythond/registry';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { eventually as eventuallyWithin } from '../support/eventually.ts';
import { makeFleet, type TestFleet } from '../support/fleet.ts';
import { openBlock } from '../support/tally.ts';

vi.setConfig({ testTimeout: 900_000, hookTimeout: 600_000 });

const PATIENCE_MS = 300_000;
const eventually = <T>(what: string, probe: () => T | Promise<T>) =>
  eventuallyWithin(what, probe, PATIENCE_MS);

let fleet: TestFleet;
const ends: (() => Promise<void>)[] = [];

/** A fleet whose collectors run by hand only, but for the resident. */
beforeAll(async () => {
  fleet = await makeFleet({ atEnd: (stop) => ends.unshift(stop) });
  const hourly = 'interval = "1h"\n  paused = true';
  await fleet.home.write({
    'conf.d/two.conf': openBlock('two', ['two'], hourly),
    'conf.d/mixed.conf': openBlock('mixed', ['mixed'], hourly),
    'conf.d/stays.conf': openBlock('stays', ['stays'], 'interval = "1s"\n  isolation = "resident"'),
    'python.d/two/two.py': `${fleet.tally.python}

class First(DataKitFramework):
    def run(self):
        print('printed by First')
        self.feed_metric(measurement='first', fields={'a': 1})


class Second(DataKitFramework):
    def run(self):
        say(self, 'start')
        wait_while_held()
        self.feed_metric(measurement='second', fields={'a': 1})
`,
    'python.d/mixed/mixed.py': `${fleet.tally.python}

class Well(DataKitFramework):
    def run(self):
        pass


class Raises(DataKitFramework):
    def run(self):
        raise ValueError('no')
`,
    'python.d/stays/stays.py': `${fleet.tally.python}

class Stays(DataKitFramework):
    def run(self):
        pass
`,
  });
  fleet.start('scheduler');
  await fleet.startWorker();
  for (const id of ['two/two/two:Second', 'mixed/mixed/mixed:Raises', 'stays/stays/stays:Stays']) {
    await eventually(id, () => fleet.view(id));
  }
});
afterAll(async () => {
  for (const end of ends) await end();
});

describe('run', () => {
  it('runs a paused collector, and shows how it went', async () => {
    const { code, stdout, stderr } = await fleet.cli('run', 'First');
    expect({ code, stderr }).toEqual({ code: 0, stderr: expect.stringMatching(/^(… .*\n)*$/) });
    expect(stdout).toMatch(/^✓ two\/two\/two:First: succeeded in /);
    expect(stdout).toContain('\n  1 point: 1 accepted, 0 waiting, 0 dead\n');
    expect(stdout).toContain('printed by First');
  });

  it('runs all collectors of an input, and ends with 1 when one fails', async () => {
    const both = await fleet.cli('run', 'two', '--json');
    expect(both).toMatchObject({ code: 0, stderr: '' });
    const { runs, notRun } = JSON.parse(both.stdout);
    expect(runs.map((run: { collector: string }) => run.collector)).toEqual([
      'two/two/two:First',
      'two/two/two:Second',
    ]);
    expect(notRun).toEqual([]);
    const mixed = await fleet.cli('run', 'mixed');
    expect(mixed.code).toBe(1);
    expect(mixed.stdout).toMatch(/^✓ mixed\/mixed\/mixed:Well: succeeded/m);
    expect(mixed.stdout).toMatch(/^✗ mixed\/mixed\/mixed:Raises: failed \(raised\)/m);
    expect(mixed.stdout).toContain('ValueError: no');
  });

  it('tells progress when it takes longer, and what runs already', async () => {
    await fleet.tally.holdRuns();
    const asked = fleet.begin('run', 'Second');
    await fleet.tally.untilHeld('Second', PATIENCE_MS);
    const all = await fleet.cli('run', 'two', '--json');
    expect(all.code).toBe(1);
    const { runs, notRun } = JSON.parse(all.stdout);
    expect(runs).toMatchObject([{ collector: 'two/two/two:First' }]);
    expect(notRun).toEqual([
      { collector: 'two/two/two:Second', reason: expect.stringContaining('is running already') },
    ]);
    await eventually('progress', () => / runs on \S+, for /.test(asked.stderr()));
    await fleet.tally.letGo();
    const { code, stderr } = await asked.ended;
    const line = String.raw`… two/two/two:Second (runs on \S+|waits for a worker), for .* by now\n`;
    expect({ code, stderr }).toEqual({ code: 0, stderr: expect.stringMatching(new RegExp(`^(${line})+$`)) });
  });

  it('does not wait with --no-wait', async () => {
    const { code, stdout } = await fleet.cli('run', 'First', '--no-wait', '--json');
    expect(code).toBe(0);
    const { asked, notRun } = JSON.parse(stdout);
    expect({ asked, notRun }).toEqual({
      asked: [{ collector: 'two/two/two:First', run: expect.any(String) }],
      notRun: [],
    });
    await eventually('its run', async () =>
      (await fleet.runs('two/two/two:First')).some(({ id }) => id === asked[0].run),
    );
  });

  it('says why a resident is not run, alone or with its input', async () => {
    for (const name of ['Stays', 'stays']) {
      const { code, stderr } = await fleet.cli('run', name);
      expect(code).toBe(1);
      expect(stderr).toContain('stays/stays/stays:Stays is a resident: its process calls run() by itself');
    }
  });
});

describe('workers', () => {
  it('tells of each what it serves, how busy it is and what is wrong, in 80 columns', async () => {
    const workers = await eventually('its resident to be told of', async () => {
      const { code, stdout, stderr } = await fleet.cli('workers', '--json');
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
      const found = JSON.parse(stdout).workers;
      return found[0].residents === 1 && found[0].cmds.python3 !== undefined ? found : null;
    });
    expect(workers).toEqual([
      {
        ...{ name: expect.stringMatching(/-[0-9a-f]{6}$/), host: hostname(), pid: expect.any(Number) },
        ...{ version: expect.stringMatching(/^\d/), startedMs: expect.any(Number), pools: ['default'] },
        ...{ concurrency: expect.any(Number), running: expect.any(Number), residents: 1 },
        ...{ runs: expect.any(Number), sandbox: 'strict', heartbeatMs: expect.any(Number) },
        ...{ hostDeaths: {}, clocksOff: {}, redisClockOff: null, trustedKeys: null, cmds: { python3: true } },
      },
    ]);
    const strange = {
      ...{ name: `${'long-name-'.repeat(12)}x\u001b[2J`, host: 'h'.repeat(64), pid: 1, version: '99.0.0' },
      ...{ startedMs: 1, pools: ['one', 'two', 'three-that-is-long'], concurrency: 1000, running: 999 },
      ...{ residents: 32, runs: 1_234_567, sandbox: 'none' as const, hostDeaths: { memory: 2 } },
      ...{ clocksOff: { 'http://10.0.0.5:9529': -90_000 }, redisClockOff: 5_000 },
    };
    const registry = new Fleet(fleet.redis);
    const stdout = await eventually('it to be listed before it expires', async () => {
      await registry.beat(strange);
      const answer = await fleet.cli('workers');
      return answer.stdout.includes('999/1000') ? answer.stdout : null;
    });
    await registry.leave(strange.name);
    const lines = stdout.split('\n');
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(80);
    expect(lines[0]).toMatch(/^WORKER +POOLS +RUNNING +RESIDENTS +RUNS +BEAT +SANDBOX$/);
    expect(stdout).toMatch(
      /^long-….+ 999\/1000 +32 +1234567 +.+ ago +NONE\n {2}on h{39}…, version 99\.0\.0, up for /m,
    );
    expect(stdout).toContain('\n  Python hosts that died: 2 memory\n');
    expect(stdout).toContain('\n  its clock is 5 s behind that of Redis: it takes no ticks\n');
    expect(stdout).toContain('\n  its clock is 1.5 min ahead of that of http://10.0.0.5:9529\n');
    expect(stdout).not.toContain('\u001b');
  });
});
