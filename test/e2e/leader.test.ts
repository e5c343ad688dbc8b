import { type CollectorId, schedulerId } from '@pythond/jobs';
import { Fleet, type LeaderView, tickCounts, unaccountedTicks } from '@pythond/registry';
import { expect, it, onTestFinished } from 'vitest';
import type { RunningCli } from '../support/cli.ts';
import { eventually as eventuallyWithin } from '../support/eventually.ts';
import { startFaultProxy } from '../support/fault-proxy.ts';
import { makeFleet, type TestFleet } from '../support/fleet.ts';
import { block } from '../support/home.ts';
import { type QuickWorker, startQuickWorker } from '../support/quick-worker.ts';

const PATIENCE_MS = 300_000;
const slow = { timeout: 900_000 };
/** 100 ticks a second in all. */
const EVERY_MS = 200;
const CLASSES = Array.from({ length: 20 }, (_, n) => `C${n}`);

/** Ten in `npm run test:chaos`. */
const KILLS = 2 * (1 + Number(process.env['PYTHOND_CHAOS_REPEATS'] ?? 0));

/** What says hello to Redis, and waits. */
const HARMLESS = new Set(['hello', 'auth', 'client', 'info', 'bzpopmin', 'evalsha']);

const eventually = <T>(what: string, probe: () => T | Promise<T>) =>
  eventuallyWithin(what, probe, PATIENCE_MS);

const logged = (cli: RunningCli, kind: string) => cli.stdout().includes(`"kind":"${kind}"`);

async function leaderAfter(fleet: TestFleet, fence: number): Promise<LeaderView> {
  const leader = async () => {
    const now = await new Fleet(fleet.redis).leader();
    return now && now.fence > fence ? now : null;
  };
  return eventually(`a leader after that of fence ${fence}`, leader);
}

/** Every collector is given ten ticks more, one interval apart. */
async function fullRate(worker: QuickWorker, collectors: number): Promise<void> {
  const before = new Map([...worker.given].map(([scheduler, dues]) => [scheduler, dues.length]));
  await eventually('every collector to tick at its interval', () => {
    const newer = [...worker.given].map(([scheduler, dues]) =>
      dues.slice(before.get(scheduler) ?? 0).slice(-10),
    );
    const steady = newer.filter(
      (dues) => dues.length === 10 && (dues[9] ?? 0) - (dues[0] ?? 0) === 9 * EVERY_MS,
    );
    return steady.length >= collectors;
  });
}

it(
  'of several schedulers one leads; when it is killed, stopped or stuck the next one does, and no tick is doubled or lost',
  slow,
  async () => {
    const fleet = await makeFleet();
    const way = await startFaultProxy({ path: fleet.redisPath });
    onTestFinished(() => way.close());
    await fleet.home.write({
      'conf.d/a.conf': block('a', ['a']),
      'python.d/a/a.py': '# found by the test\n',
    });
    const worker = startQuickWorker(fleet.redis, (input) => ({
      ...{ classes: input === 'a' ? CLASSES : ['New'], everyMs: EVERY_MS },
    }));
    onTestFinished(() => worker.stop());
    const schedulers: RunningCli[] = [];
    const start = (env = {}) => {
      const cli = fleet.start('scheduler', env);
      schedulers.push(cli);
      return cli;
    };
    const processOf = ({ pid }: LeaderView) => {
      const found = schedulers.find((cli) => cli.pid === pid);
      if (!found) throw new Error(`no scheduler has pid ${pid}`);
      return found;
    };
    start();
    let leader = await leaderAfter(fleet, 0);
    await fullRate(worker, CLASSES.length);

    for (let kill = 1; kill <= KILLS; kill += 1) {
      const next = start(kill === KILLS ? { REDIS_URL: `redis://127.0.0.1:${way.port}` } : {});
      await eventually('the next one to stand by', () => logged(next, 'stands-by'));
      expect(logged(next, 'home-read')).toBe(false);
      processOf(leader).process.kill('SIGKILL');
      leader = await leaderAfter(fleet, leader.fence);
      expect(leader.pid).toBe(next.pid);
      await eventually('it to have read the home', () => logged(next, 'home-read'));
    }

    // stuck: its lease ends, and when it goes on it finds that by its own clock alone, for nothing gets through to it
    const next = start();
    await eventually('the next one to stand by', () => logged(next, 'stands-by'));
    const stuck = processOf(leader);
    stuck.process.kill('SIGSTOP');
    leader = await leaderAfter(fleet, leader.fence);
    expect(leader.pid).toBe(next.pid);
    await way.goWrong({ kind: 'black-hole' });
    stuck.process.kill('SIGCONT');
    const asked = () => way.swallowed.split('{pythond}:leader').length - 1;
    await eventually('it to ask who leads', () => asked() >= 2);
    const sent = [...way.swallowed.matchAll(/\*\d+\r\n\$\d+\r\n([a-z]+)\r\n/gi)].map(([, name]) =>
      name?.toLowerCase(),
    );
    // it may wait for jobs still, on a connection that does nothing else; and every script is the one that asks
    expect(sent.filter((name) => !HARMLESS.has(name ?? ''))).toEqual([]);
    expect(sent.filter((name) => name === 'evalsha')).toHaveLength(asked());
    await way.goWrong(null);
    await eventually('it to stand by', () => logged(stuck, 'stands-by'));
    // the one that asks who leads; nothing of its term is left
    await eventually('its other connections to be closed', () => way.connections.open === 1);

    // the one that leads acts: an edit is rolled out
    await fleet.home.write({ 'conf.d/b.conf': block('b', ['b']), 'python.d/b/b.py': '# the same\n' });
    await fullRate(worker, CLASSES.length + 1);

    // told to stop: it gives its lease back
    const { fence } = leader;
    expect((await processOf(leader).stop('SIGTERM')).code).toBe(0);
    leader = await leaderAfter(fleet, fence);
    expect(leader.pid).toBe(stuck.pid);
    await fullRate(worker, CLASSES.length + 1);
    await expectEachTickOnce(fleet, worker);

    // flushed: all of it is back without anybody's help, and that it was gone is told
    await fleet.redis.flushall();
    const afterFlush = await leaderAfter(fleet, leader.fence);
    expect(afterFlush.pid).toBe(leader.pid);
    await fullRate(worker, CLASSES.length + 1);
    const state = new Fleet(fleet.redis);
    expect(await state.stateLosses()).toMatchObject({ total: 1 });
    expect((await state.problems()).map(({ code }) => code)).toEqual(['redis-state-lost']);
  },
);

async function expectEachTickOnce(fleet: TestFleet, worker: QuickWorker): Promise<void> {
  expect(worker.again).toBe(0);
  for (const name of CLASSES) {
    const id = `a/a/a:${name}`;
    // what is given now is counted in the moment before it is noted down
    await eventuallyWithin(`the counts of ${name} to be those of the worker`, async () => {
      const counts = tickCounts(await fleet.counts(id));
      const scheduler = schedulerId(id as CollectorId);
      const dues = worker.given.get(scheduler) ?? [];
      const { firstMs = 0, lastMs = 0 } = worker.taken.get(scheduler) ?? {};
      expect(unaccountedTicks(counts)).toBe(0);
      expect(new Set(dues).size, 'given twice').toBe(dues.length);
      expect(new Set(dues.map((due) => due % EVERY_MS)).size, 'of one phase').toBe(1);
      expect({ run: counts.run, due: counts.due }).toEqual({
        run: dues.length,
        due: (lastMs - firstMs) / EVERY_MS + 1,
      });
      return true;
    });
  }
}
