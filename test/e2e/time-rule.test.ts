import { LATE_AFTER_MS } from '@pythond/points';
import type { Problem } from '@pythond/registry';
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import { replies } from '../support/datakit-replies.ts';
import { eventually } from '../support/eventually.ts';
import { type FaultFleet, makeFaultFleet } from '../support/fault-fleet.ts';

vi.setConfig({ testTimeout: 600_000, hookTimeout: 600_000 });

const HOUR_S = 3600;

describe('with a DataKit whose clock is three hours ahead', () => {
  const stops: (() => Promise<void>)[] = [];
  let faults: FaultFleet;
  beforeAll(async () => {
    const now = () => Date.now() + 3 * HOUR_S * 1000;
    faults = await makeFaultFleet((stop) => stops.unshift(stop), { now });
  });
  afterAll(async () => {
    for (const stop of stops) await stop();
  });

  it('F02: metrics that are three hours old are dead letters, all else is sent', async () => {
    const old = await faults.emit({ points: { M: 5, L: 4, O: 3, E: 2 }, ageSeconds: 3 * HOUR_S });
    expect(old.points).toEqual({ reported: 14, delivered: 9, queued: 0, dead: 5 });
    expect(old.warnings).toContainEqual(expect.objectContaining({ code: 'late', count: 5 }));
    const young = await faults.emit({ points: { M: 5 }, ageSeconds: 100 * 60 });
    expect(young.points).toEqual({ reported: 5, delivered: 5, queued: 0, dead: 0 });
    expect(await faults.conserved()).toMatchObject({ emitted: 19, accepted: 14, dead: 5 });
    const letters = await faults.letters();
    const late = { category: 'metric', reason: { code: 'late' }, form: 'line-protocol' };
    expect(letters).toMatchObject(Array(5).fill(late));
    // As it would have been sent: a replay needs no more than the letter.
    const emitted = await faults.emitted();
    for (const { body } of letters) {
      const mark = /mark=(pt-[0-9a-z]+-\d+)/.exec(body)?.[1] ?? '';
      expect(body).toMatch(new RegExp(` ${emitted.get(mark)}$`));
    }
  });

  it('F02: metrics that wait until they are too old are dead letters then, and what else waits is delivered', async () => {
    const before = await faults.conserved();
    faults.goWrong(() => replies.failed(503));
    const leftMs = 5_000;
    const { points } = await faults.emit({
      points: { M: 5, L: 4 },
      ageSeconds: (LATE_AFTER_MS - leftMs) / 1000,
    });
    // A machine so slow that they are too old before they are first looked at shows less, but nothing wrong.
    expect(points.queued + points.dead).toBe(9);
    const lateAtMs = Date.now() + leftMs;
    await eventually('them to be too old', () => Date.now() > lateAtMs);
    faults.goWrong(null);
    expect(await faults.conserved()).toMatchObject({
      emitted: before.emitted + 9,
      accepted: before.accepted + 4,
      dead: before.dead + 5,
    });
    const late = { category: 'metric', reason: { code: 'late' } };
    for (const letter of await faults.letters()) expect(letter).toMatchObject(late);
  });

  it('the difference is told among the problems of the fleet and in the log, as long as the worker is there', async () => {
    const problems = async () => {
      const { stdout } = await faults.fleet.cli('ls', '--json');
      return (JSON.parse(stdout) as { problems: Problem[] }).problems.filter(
        ({ code }) => code === 'clock-off',
      );
    };
    const [problem] = await eventually('the problem', async () => {
      const found = await problems();
      return found.length > 0 ? found : null;
    });
    expect(problem?.text).toMatch(/is 10[78]\d\d s behind that of the DataKit at http:/);
    expect(faults.worker.stdout()).toContain('"kind":"clock-off"');
    await faults.worker.stop('SIGTERM');
    expect(await problems()).toEqual([]);
  });
});

it('F02: points that are three hours old are all sent where late = "send"', async () => {
  const faults = await makeFaultFleet(onTestFinished, { env: { PYTHOND_LATE: 'send' } });
  const old = await faults.emit({ points: { M: 5, L: 4 }, ageSeconds: 3 * HOUR_S });
  expect(old.points).toEqual({ reported: 9, delivered: 9, queued: 0, dead: 0 });
  await faults.conserved();
});
