import path from 'node:path';
import { Fleet } from '@pythond/registry';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { repository } from '../support/cli.ts';
import { eventually as eventuallyWithin } from '../support/eventually.ts';
import { type FaultFleet, makeFaultFleet, TICKS } from '../support/fault-fleet.ts';

// F31: the wall clock of a machine with a scheduler, a worker and a normalizer jumps, while Redis and DataKit, on other
// machines, go on. What is shifted is the clock of the Node processes; Python's is the machine's own.
vi.setConfig({ testTimeout: 600_000, hookTimeout: 600_000 });

const HOURS_MS = 3_600_000;
const stops: (() => Promise<void>)[] = [];
let faults: FaultFleet;

const eventually = <T>(what: string, probe: () => T | Promise<T>) => eventuallyWithin(what, probe, 300_000);

beforeAll(async () => {
  const script = path.join(repository, 'test/support/shift-clock.mjs');
  faults = await makeFaultFleet((stop) => stops.unshift(stop), {
    ...{ ticks: true, env: (home) => ({ NODE_OPTIONS: `--import=${script}`, CLOCK_AHEAD: `${home}/ahead` }) },
  });
  await faults.startTicking();
});
afterAll(async () => {
  for (const stop of stops) await stop();
});

const setAhead = (ms: number) => faults.fleet.home.write({ ahead: String(ms) });
const isTold = async () =>
  (await new Fleet(faults.fleet.redis).problems()).some(({ code }) => code === 'clock-off-redis');

/** Ticks that are due about now run. */
async function ticksNow(count: number): Promise<void> {
  const sinceMs = Date.now();
  const isNow = ({ dueMs }: { dueMs: number }) => dueMs > sinceMs && dueMs < Date.now() + 10_000;
  await eventually('ticks to run that are due now', async () => {
    return (await faults.fleet.runs(TICKS)).filter(isNow).length >= count;
  });
}

it.each([3, -3])(
  'F31: a clock that is %i h off stops a worker, bursts nothing, and marks no point with a wrong time',
  async (hours) => {
    const before = { runs: (await faults.emitted()).size / 5, ms: Date.now() };
    await setAhead(hours * HOURS_MS);
    await eventually('that to be told', isTold);
    await setAhead(0);
    await eventually('it to be right', async () => !(await isTold()));
    await ticksNow(3);
    const seconds = (Date.now() - before.ms) / 1000;
    expect((await faults.emitted()).size / 5 - before.runs).toBeLessThanOrEqual(seconds + 3);
    await faults.stopTicking();
    await faults.conserved();
    await faults.ticksAddUp();
    const agesMs = faults.datakit.accepted
      .all()
      .map(({ point }) => Date.now() - Number(BigInt(point.time) / 1_000_000n));
    expect(Math.max(...agesMs.map(Math.abs))).toBeLessThan(110 * 60_000);
    await faults.startTicking();
  },
);
