import { queueNames } from '@pythond/queue';
import { tickCounts, unaccountedTicks } from '@pythond/registry';
import { expect, it, onTestFinished, vi } from 'vitest';
import { runCli } from '../support/cli.ts';
import { eventually as eventuallyWithin } from '../support/eventually.ts';
import { makeFleet } from '../support/fleet.ts';
import { block, makeHome } from '../support/home.ts';

vi.setConfig({ testTimeout: 900_000, hookTimeout: 600_000 });

const eventually = <T>(what: string, probe: () => T | Promise<T>) => eventuallyWithin(what, probe, 300_000);
const idOn = (host: string) => `h/h/h:Counts@${host}`;

/** Counts its runs on the instance, and says itself where one of its points is from. */
const script = (measurement: string) => `
from datakit_framework import DataKitFramework


class Counts(DataKitFramework):
    def __init__(self):
        super().__init__()
        self.n = 0

    def run(self):
        self.n += 1
        self.feed_metric(measurement='${measurement}', fields={'n': self.n})
        self.feed_metric(measurement='named', tags={'host': 'by-script'}, fields={'n': self.n})
`;

it('a collector of scope = "host" is checked with the tag of this machine', async () => {
  const home = await makeHome({
    'conf.d/h.conf': block('h', ['h'], 'scope = "host"\n  tags = { team = "db" }'),
    'python.d/h/h.py': script('counts'),
  });
  onTestFinished(() => home.remove());
  const env = { PYTHOND_HOST: 'this-one' };
  const { stdout } = await runCli(['check', '--json', '--home', home.dir], { env });
  const lines = JSON.parse(stdout).collectors[0].reports.map(
    (one: { lineProtocol: string }) => one.lineProtocol,
  );
  expect(lines[0]).toMatch(/^counts,host=this-one,team=db n=1 /);
  expect(lines[1]).toMatch(/^named,host=by-script,team=db n=1 /);
});

it('a collector of scope = "host" is one series for each host, which ends and begins with it', async () => {
  const fleet = await makeFleet();
  await fleet.home.write({
    'conf.d/h.conf': block('h', ['h'], 'interval = "500ms"\n  scope = "host"'),
    'python.d/h/h.py': script('counts'),
  });
  await fleet.home.write({
    'conf.d/r.conf': block('r', ['r'], 'interval = "500ms"\n  scope = "host"\n  isolation = "resident"'),
    'python.d/r/r.py': script('resident'),
  });
  fleet.start('scheduler');
  const onHost = (host: string) => fleet.startWorker({ PYTHOND_HOST: host });
  const [a, alsoA, stopped, killed] = await Promise.all(['a', 'a', 'stops', 'dies'].map(onHost));
  if (!a || !alsoA || !stopped || !killed) throw new Error('four workers were to start');
  const series = (host: string, measurement = 'counts') =>
    fleet.standin.points().filter((one) => one.measurement === measurement && one.tags['host'] === host);
  const grows = async (host: string, by: number, measurement?: string) => {
    const from = series(host, measurement).length;
    await eventually(`${by} more points of ${host}`, () => series(host, measurement).length >= from + by);
  };
  const namesOf = async (...workers: (typeof a)[]) =>
    Promise.all(workers.map(async (worker) => (await fleet.workerOf(worker))?.name));

  // each on its own machine, and one of two workers of a machine at a time
  await Promise.all(['a', 'stops', 'dies'].map((host) => grows(host, 6)));
  await Promise.all(['a', 'stops', 'dies'].map((host) => grows(host, 3, 'resident')));
  const names = await namesOf(a, alsoA);
  await eventually('both workers of a host to have run its collector', async () => {
    const by = new Set((await fleet.runs(idOn('a'))).map(({ worker }) => worker));
    return names.every((name) => by.has(name ?? ''));
  });
  const [ownName] = await namesOf(stopped);
  expect(new Set((await fleet.runs(idOn('stops'))).map(({ worker }) => worker))).toEqual(new Set([ownName]));
  const ids = ['a', 'dies', 'stops'].flatMap((host) => [idOn(host), `r/r/r:Counts@${host}`]).sort();
  expect(await fleet.collectors.ids()).toEqual(ids);
  const all = fleet.standin.points().filter(({ measurement }) => measurement === 'counts');
  expect(new Set(all.map(({ tags }) => tags['host']))).toEqual(new Set(['a', 'stops', 'dies']));
  const byScript = fleet.standin.points().filter(({ measurement }) => measurement === 'named');
  expect(new Set(byScript.map(({ tags }) => tags['host']))).toEqual(new Set(['by-script']));

  // one leaves in order, one without a word: their series end, and nothing is reported of it
  killed.process.kill('SIGKILL');
  expect((await stopped.stop('SIGTERM')).code).toBe(0);
  const isAway = (host: string) =>
    eventually(`${host} to be away`, async () => (await fleet.view(idOn(host)))?.awaySinceMs);
  const [awaySinceMs] = await Promise.all([isAway('stops'), isAway('dies')]);
  const seriesOf = (host: string) => [series(host).length, series(host, 'resident').length];
  const left = { stops: seriesOf('stops'), dies: seriesOf('dies') };
  await grows('a', 4);
  await grows('a', 4, 'resident');
  expect({ stops: seriesOf('stops'), dies: seriesOf('dies') }).toEqual(left);
  /** Every tick once, and nothing went wrong; ticks are skipped and missed on a machine that is slow. */
  const addsUp = async (host: string) => {
    const counts = await fleet.counts(idOn(host));
    const ticks = tickCounts(counts);
    expect(unaccountedTicks(ticks)).toBe(0);
    const bad = ['failed', 'timed-out', 'killed', 'stale'].filter((name) => counts[name]);
    expect({ host, bad }).toEqual({ host, bad: [] });
    return { ...ticks, succeeded: counts['succeeded'] ?? 0 };
  };
  const first = (await fleet.runs(idOn('stops'))).filter(({ kind }) => kind === 'first').length;
  const calm = await addsUp('stops');
  expect(calm).toMatchObject({ run: calm.succeeded - first, lost: 0 });
  expect((await addsUp('dies')).lost).toBeLessThanOrEqual(1);
  for (const host of ['stops', 'dies']) {
    const queue = `{pythond}:${queueNames.collect(`default@${host}`)}:*`;
    await eventually(
      `nothing to be left of ${queue}`,
      async () => (await fleet.redis.keys(queue)).length === 0,
    );
  }
  const listed = await fleet.cli('ls', '--json');
  expect(JSON.parse(listed.stdout)).toMatchObject({ failures: [], problems: [] });
  expect((await fleet.cli('ls')).stdout).toContain('host away');
  expect((await fleet.cli('run', idOn('stops'))).stderr).toContain(
    'No worker serves pool default on host stops',
  );
  const points = 2 * series('stops').length;
  const { total } = JSON.parse((await fleet.cli('ledger', idOn('stops'), '--json')).stdout);
  expect(total.counts).toMatchObject({ emitted: points, accepted: points });

  // back: the same collector, with its history and state, in the version that came meanwhile
  const last = Number(series('stops').at(-1)?.fields['n']);
  const history = (await fleet.runs(idOn('stops'))).map(({ id }) => id);
  await fleet.home.write({ 'python.d/h/h.py': script('changed') });
  await grows('a', 2, 'changed');
  const offMs = Date.now() - (awaySinceMs ?? 0);
  await onHost('stops');
  await grows('stops', 4, 'changed');
  await grows('stops', 2, 'resident');
  expect(await fleet.collectors.ids()).toEqual(ids);
  expect(Number(series('stops', 'changed')[0]?.fields['n'])).toBe(last + 1);
  expect(series('stops').length).toBe(left.stops[0]);
  const runs = await fleet.runs(idOn('stops'));
  expect(runs.map(({ id }) => id).slice(0, history.length)).toEqual(history);
  const again = await addsUp('stops');
  expect(again.lost).toBe(0);
  expect(again.missed - calm.missed).toBeLessThan(offMs / 500 / 2); // it was away for most of that
});
