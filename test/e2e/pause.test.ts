import { expect, it, vi } from 'vitest';
import { eventually as eventuallyWithin } from '../support/eventually.ts';
import { makeFleet, type TestFleet } from '../support/fleet.ts';
import { openBlock, type Tally } from '../support/tally.ts';

vi.setConfig({ testTimeout: 900_000, hookTimeout: 600_000 });

const PATIENCE_MS = 300_000;
const eventually = <T>(what: string, probe: () => T | Promise<T>) =>
  eventuallyWithin(what, probe, PATIENCE_MS);

const classes = (tally: Tally, ...names: string[]) =>
  names.reduce(
    (text, name) => `${text}

class ${name}(DataKitFramework):
    def run(self):
        say(self, 'start')
        wait_while_held()
        self.feed_metric(measurement='${name}', fields={'pid': os.getpid()})
        say(self, 'end')
`,
    tally.python,
  );

const EVERY = 'interval = "500ms"';
const [ONE, TWO, FILE] = ['a/a/a:One', 'a/a/a:Two', 'f/f/f:OfFile'];
const [KEPT, LEFT] = ['r/r/r:Kept', 'r/r/r:Left'];

async function json(fleet: TestFleet, ...args: string[]) {
  const { code, stdout, stderr } = await fleet.cli(...args, '--json');
  return { code, stderr, ...JSON.parse(stdout || '{}') };
}

/** So many more of its ticks have been skipped since, or have run. */
async function more(fleet: TestFleet, id: string, count: string, by = 2) {
  const before = (await fleet.counts(id))[count] ?? 0;
  await eventually(`${by} more ${count} of ${id}`, async () => {
    return ((await fleet.counts(id))[count] ?? 0) >= before + by;
  });
}

it('operators pause and resume collectors, inputs and the fleet', async () => {
  const fleet = await makeFleet();
  const version = (tally: Tally) => `${classes(tally, 'One', 'Two')}\n# another version\n`;
  await fleet.home.write({
    'conf.d/a.conf': openBlock('a', ['a'], EVERY),
    'conf.d/f.conf': openBlock('f', ['f'], `${EVERY}\n  paused = true`),
    'conf.d/r.conf': openBlock('r', ['r'], `${EVERY}\n  isolation = "resident"`),
    'python.d/a/a.py': classes(fleet.tally, 'One', 'Two'),
    'python.d/f/f.py': classes(fleet.tally, 'OfFile'),
    'python.d/r/r.py': classes(fleet.tally, 'Kept', 'Left'),
  });
  fleet.start('scheduler');
  await Promise.all([fleet.startWorker(), fleet.startWorker()]);
  for (const id of [ONE, TWO, KEPT, LEFT]) await more(fleet, id, 'run');

  // one collector, in the middle of a run, which ends by itself
  await fleet.tally.holdRuns();
  await fleet.tally.untilHeld('One', PATIENCE_MS);
  const paused = await json(fleet, 'pause', 'One', '--reason', 'the disk is full');
  expect(paused).toMatchObject({
    code: 0,
    paused: [{ scope: 'collector', name: ONE, reason: 'the disk is full', isNew: true, collectors: [ONE] }],
  });
  await fleet.tally.letGo();
  await eventually('its run to end', async () => (await fleet.holder(ONE)) === null);
  const starts = await fleet.tally.count('One', 'start');
  expect(await fleet.tally.count('One', 'end')).toBe(starts);
  expect((await fleet.runs(ONE)).at(-1)).toMatchObject({ outcome: { kind: 'succeeded' } });
  await more(fleet, ONE, 'skipped:paused');
  await more(fleet, TWO, 'run');

  // a new version of its input changes nothing about that
  const before = (await fleet.view(ONE))?.record.inputNumber ?? 0;
  await fleet.home.write({ 'python.d/a/a.py': version(fleet.tally) });
  await eventually('the new version', async () => (await fleet.view(ONE))?.record.inputNumber !== before);
  await more(fleet, ONE, 'skipped:paused');
  expect(await fleet.tally.count('One', 'start')).toBe(starts);

  // by hand it runs
  expect(await fleet.run('One')).toMatchObject({ kind: 'manual', outcome: { kind: 'succeeded' } });
  expect(await fleet.tally.count('One', 'start')).toBe(starts + 1);

  // the block's own pause is not an operator's to lift
  await more(fleet, FILE, 'skipped:paused');
  const ofFile = await fleet.cli('resume', 'f');
  expect(ofFile).toMatchObject({ code: 1, stderr: '' });
  expect(ofFile.stdout).toContain('input f is paused by conf.d/f.conf: set paused = false there\n');
  expect(await fleet.tally.count('OfFile', 'start')).toBe(0);

  // one of two collectors of a resident: the other goes on, in a new process
  await json(fleet, 'pause', LEFT);
  await eventually('Left to be held no more', async () => (await fleet.holder(LEFT)) === null);
  await more(fleet, KEPT, 'run');
  expect((await fleet.holder(KEPT))?.job).toMatch(/^resident-/);
  expect(await fleet.holder(LEFT)).toBeNull();
  expect((await fleet.runs(LEFT)).map(({ outcome }) => outcome.kind)).not.toContain('lost');

  // the whole fleet
  const all = await json(fleet, 'pause', '--all', '--reason', 'move');
  expect(all.paused).toMatchObject([{ scope: 'fleet', name: null, reason: 'move', isNew: true }]);
  await eventually('the resident to end', async () => (await fleet.holder(KEPT)) === null);
  await eventually('the last runs to end', async () => {
    return (await fleet.holder(ONE)) === null && (await fleet.holder(TWO)) === null;
  });
  const lines = (await fleet.tally.lines()).length;
  await more(fleet, TWO, 'skipped:paused');
  expect((await fleet.tally.lines()).length).toBe(lines);

  const shown = await fleet.cli('ls');
  expect(shown.stdout).toMatch(/‖ the fleet is paused by \S+@\S+, .* ago: move\n/);
  expect(shown.stdout).toMatch(/‖ a\/a\/a:One is paused by \S+, .* ago: the disk is full\n/);
  expect(shown.stdout).toContain('‖ input f is paused by conf.d/f.conf: set paused = false there\n');
  const listed = await json(fleet, 'ls');
  expect(listed.pauses).toMatchObject([{ scope: 'fleet' }, { name: ONE }, { name: LEFT }]);
  const { stdout } = await fleet.cli('show', 'One');
  expect(stdout).toMatch(
    /\n {2}paused {5}the fleet is paused by .*: move\n {2}paused {5}a\/a\/a:One is paused/,
  );
  expect((await json(fleet, 'show', FILE)).pauses).toMatchObject([
    { scope: 'fleet' },
    { scope: 'file', name: 'conf.d/f.conf' },
  ]);

  // lifting a wider one leaves a narrower one, and the other way round
  expect(await json(fleet, 'resume', 'One')).toMatchObject({
    ...{ code: 1, resumed: [{ name: ONE }], still: [{ collector: ONE, pauses: [{ scope: 'fleet' }] }] },
  });
  const lifted = await json(fleet, 'resume', '--all');
  expect(lifted).toMatchObject({ code: 0, resumed: [{ scope: 'fleet', reason: 'move' }] });
  expect(lifted.still).toMatchObject([{ collector: FILE }, { collector: LEFT }]);
  for (const id of [ONE, TWO, KEPT]) await more(fleet, id, 'run');
  expect(await json(fleet, 'resume', LEFT)).toMatchObject({ code: 0, still: [] });
  await more(fleet, LEFT, 'run');
  expect((await fleet.counts(LEFT))['skipped:paused']).toBeGreaterThan(0);
  expect(await json(fleet, 'resume', LEFT, 'a')).toMatchObject({ code: 0, resumed: [], still: [] });

  expect(await fleet.cli('pause')).toMatchObject({ code: 2, stdout: '' });
  expect(await fleet.cli('pause', 'a', '--all')).toMatchObject({ code: 2, stdout: '' });
  expect((await fleet.cli('pause', 'nobody')).stderr).toMatch(/^No collector is called nobody/);

  // every tick is in the counts once; of a resident those of the last call are not yet
  for (const id of [ONE, TWO, FILE]) {
    const { due = 0, run = 0, skipped = 0, missed = 0, lost = 0 } = await fleet.counts(id);
    expect({ id, due }).toEqual({ id, due: run + skipped + missed + lost });
  }
});
