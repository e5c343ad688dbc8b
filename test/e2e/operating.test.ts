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
