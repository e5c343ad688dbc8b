import { expect, it, onTestFinished, vi } from 'vitest';
import { type Reply, replies } from '../support/datakit-replies.ts';
import { eventually } from '../support/eventually.ts';
import { makeFaultFleet } from '../support/fault-fleet.ts';

vi.setConfig({ testTimeout: 600_000 });

const places: readonly (readonly [where: string, reply: () => Reply | null])[] = [
  ['on their way into the outbox', () => replies.failed(503)],
  ['on their way to DataKit', () => null],
];

it.each(places)(
  'a Redis that is killed and started again loses none of 2,000 points %s',
  async (_where, reply) => {
    const faults = await makeFaultFleet(onTestFinished, { env: { PYTHOND_CONCURRENCY: '4' } });
    let killed: Promise<void> | undefined;
    faults.datakit.goWrong(() => {
      killed ??= faults.fleet.restartRedis('kill');
      return reply();
    });
    // four reports of 500 points each: their batches meet the Redis before, in, and after its absence
    const run = faults.emit({ points: { M: 250, L: 250 }, reports: 4 });
    await eventually('the Redis to be killed', () => killed !== undefined, 120_000);
    await killed;
    faults.datakit.goWrong(null);
    await run;
    const { emitted, accepted } = await faults.conserved();
    expect(emitted).toBeGreaterThanOrEqual(2_000); // a run that lost its lease is run again, and reports anew
    expect(accepted).toBe(emitted);
  },
);
