import { type CollectorId, schedulerId, tickId } from '@pythond/jobs';
import { expect, it, onTestFinished } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { type ProxyFault, startFaultProxy } from '../support/fault-proxy.ts';
import { makeFleet } from '../support/fleet.ts';
import { openBlock } from '../support/tally.ts';

const id = 'long/long/long:Long' as CollectorId;
/** A lease of 15 s, the stalled check of BullMQ, a slow machine. */
const PATIENCE_MS = 300_000;

it.each<[string, ProxyFault]>([
  ['its packets vanish', { kind: 'black-hole' }],
  ['its connections are refused', { kind: 'refuse' }],
])(
  'F36: a worker cut off from Redis alone (%s) ends its run before another worker starts it, and delivers what it had',
  { timeout: 600_000 },
  async (_how, fault) => {
    const fleet = await makeFleet();
    const way = await startFaultProxy({ path: fleet.redisPath });
    onTestFinished(() => way.close());
    await fleet.home.write({
      'conf.d/long.conf': openBlock('long', ['long'], 'paused = true\n  state = false'),
      'python.d/long/long.py': `${fleet.tally.python}

class Long(DataKitFramework):
    def run(self):
        say(self, 'start')
        self.report({'M': [{'measurement': 'began', 'tags': {'pid': str(os.getpid())}, 'fields': {'v': 1}}]})
        while os.path.exists(${JSON.stringify(fleet.tally.hold)}):
            say(self, 'beat')
            time.sleep(0.05)
        say(self, 'end')
`,
    });
    const cut = await fleet.startWorker({ REDIS_URL: `redis://127.0.0.1:${way.port}` });
    fleet.start('scheduler');
    await eventually('the collector', () => fleet.view(id));
    await fleet.tally.holdRuns();
    const dueMs = Date.now();
    await fleet.ticks.runOnce(tickId('manual', schedulerId(id), dueMs), id);
    const first = await fleet.tally.untilHeld('Long', PATIENCE_MS);
    await eventually('its report', () => fleet.standin.points().length === 1, PATIENCE_MS);

    await way.goWrong(fault);
    const other = await fleet.startWorker();
    const second = await eventually(
      'another worker to run it',
      async () =>
        (await fleet.tally.lines('Long')).find(({ what, pid }) => what === 'start' && pid !== first.pid),
      PATIENCE_MS,
    );
    const lastOfFirst = (await fleet.tally.lines('Long')).findLast(({ pid }) => pid === first.pid);
    expect(lastOfFirst?.what).toBe('beat'); // it did not come to its end
    expect(second.at).toBeGreaterThan(lastOfFirst?.at ?? 0n);

    await fleet.tally.letGo();
    const run = await eventually(
      'the run to be recorded',
      async () => (await fleet.runs(id)).find((one) => one.dueMs === dueMs),
      PATIENCE_MS,
    );
    expect(run).toMatchObject({
      outcome: { kind: 'succeeded' },
      worker: (await fleet.workerOf(other))?.name,
    });
    // what the first run had reported was delivered, and the second run's is its like
    const times = new Set(fleet.standin.points().map(({ time }) => time));
    expect(fleet.standin.points()).toHaveLength(2);
    expect(times.size).toBe(1);
    expect(cut.process.exitCode).toBeNull();
    await way.goWrong(null);
    // it comes back by itself
    await eventually('it to be a worker again', () => fleet.workerOf(cut), PATIENCE_MS);
  },
);
