import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { type Reply, replies } from '../support/datakit-replies.ts';
import { eventually } from '../support/eventually.ts';
import { type FaultFleet, makeFaultFleet } from '../support/fault-fleet.ts';
import type { ProxyFault } from '../support/fault-proxy.ts';
import { poison, startFaultyDatakit, type Write } from '../support/faulty-datakit.ts';

// The faults F01 and F03 to F15: DataKit, and the way to it, at their worst. One fleet goes through all of them; after
// each, every point of it and of those before must be in its place. Times are scaled down: an hour is a few seconds.
vi.setConfig({ testTimeout: 600_000, hookTimeout: 600_000 });

/** A second, as the least that a slow machine makes of it: what was paced may arrive together. */
const SLACK_MS = 1_000;

const stops: (() => Promise<void>)[] = [];
let faults: FaultFleet;
let deadBefore: number;
let writesBefore: number;

beforeAll(async () => {
  faults = await makeFaultFleet((stop) => stops.unshift(stop));
});
afterAll(async () => {
  for (const stop of stops) await stop();
});
beforeEach(async () => {
  await faults.healthy();
  deadBefore = (await faults.letters()).length;
  writesBefore = faults.writes().length;
});
afterEach(async () => {
  faults.goWrong(null);
  await faults.way.goWrong(null);
});

/** How often the log said that the DataKit takes nothing. */
const alerts = () =>
  `${faults.worker.stdout()}${faults.normalizer.stdout()}`.split('the DataKit takes no points').length - 1;
const writes = (): Write[] => faults.writes().slice(writesBefore);
const newLetters = async () =>
  (await faults.letters()).slice(0, (await faults.letters()).length - deadBefore);
const copiesOf = (kind: string) =>
  faults.datakit.accepted
    .all()
    .filter(({ point }) => point.tags['kind'] === kind)
    .map(({ copies }) => copies);

/** All of it is accepted in the end, and nothing died. */
async function expectAllAccepted(): Promise<void> {
  await faults.conserved();
  expect(await newLetters()).toEqual([]);
}

describe('a DataKit that is away', () => {
  it('F01: refused for long: all points wait, keep their times, and come at no more than 80 requests a second', async () => {
    await faults.way.goWrong({ kind: 'refuse' });
    const first = await faults.emit({ points: { M: 1000, L: 200 }, ageSeconds: 600, kind: 'f01' });
    expect(first.points).toEqual({ reported: 1200, delivered: 0, queued: 1200, dead: 0 });
    await faults.emit({ points: { M: 1 }, reports: 300, kind: 'f01' });
    expect(await faults.waiting()).toBeGreaterThanOrEqual(1500);
    await faults.way.goWrong(null);
    await expectAllAccepted();
    expect(copiesOf('f01')).toHaveLength(1500);
    const atMs = writes().flatMap((write) => (write.category === 'metric' ? [write.atMs] : []));
    const tookMs = (atMs.at(-1) ?? 0) - (atMs[0] ?? 0);
    expect(tookMs).toBeGreaterThan(((atMs.length - 80) / 80) * 1000 - SLACK_MS);
  });

  it('F01: an hour of 1,000 points in six minutes each: all come with their own times, in few requests', async () => {
    await faults.way.goWrong({ kind: 'refuse' });
    for (let ageSeconds = 3_600; ageSeconds > 0; ageSeconds -= 360) {
      await faults.emit({ points: { M: 1000 }, ageSeconds, kind: 'hour' });
    }
    expect(await faults.waiting()).toBe(10_000);
    await faults.way.goWrong(null);
    await expectAllAccepted();
    expect(copiesOf('hour')).toHaveLength(10_000);
    expect(writes().length).toBeLessThan(80);
  });

  it('F15: killed and started again and again: everything is accepted in the end', async () => {
    for (let round = 0; round < 4; round += 1) {
      const run = faults.emit({ points: { M: 100, L: 100 }, kind: 'f15' });
      await faults.datakit.kill();
      await run;
      await faults.datakit.revive();
      await faults.emit({ points: { M: 10, L: 10 }, kind: 'f15' });
    }
    await expectAllAccepted();
    expect(copiesOf('f15')).toHaveLength(4 * 220);
  });
});

describe('an answer that is lost', () => {
  it.each<[string, ProxyFault]>([
    ['F03: reset after the request', { kind: 'reset-after' }],
    ['F03: reset before the request', { kind: 'reset-before' }],
    ['F04: cut in the status line', { kind: 'half-answer', bytes: 12 }],
    ['F04: cut after 30 bytes', { kind: 'half-answer', bytes: 30 }],
  ])('%s: the same points are sent again', async (name, fault) => {
    await faults.way.goWrong(fault);
    const run = await faults.emit({ points: { M: 20, L: 20 }, kind: name });
    expect(run.points).toMatchObject({ delivered: 0, queued: 40 });
    await faults.way.goWrong(null);
    await expectAllAccepted();
    // What the server took although its answer was lost came once more, the same: `conserved` compares them.
    const least = fault.kind === 'reset-before' ? 1 : 2;
    expect(copiesOf(name)).toHaveLength(40);
    expect(Math.min(...copiesOf(name))).toBeGreaterThanOrEqual(least);
  });

  it.each<[string, ProxyFault]>([
    ['F05: a black hole', { kind: 'black-hole' }],
    ['F06: an answer at 1 byte a second', { kind: 'slow-answer', bytesPerSecond: 1 }],
  ])('%s: is given up after its time, and holds no more than its sockets', async (name, fault) => {
    const { made } = faults.way.connections;
    await faults.way.goWrong(fault);
    const run = await faults.emit({ points: { M: 20, L: 20 }, kind: name });
    expect(run.points).toMatchObject({ delivered: 0, queued: 40 });
    // A metric's and a log's; the worker's circuit is open by then, the normalizer's own tries are as few.
    const next = await faults.emit({ points: { M: 20 }, kind: name });
    expect(next.points).toMatchObject({ delivered: 0, queued: 20 });
    expect(faults.way.connections.open).toBeLessThanOrEqual(2 * 8);
    expect(faults.way.connections.made - made).toBeLessThanOrEqual(2 * 8);
    await faults.way.goWrong(null);
    await expectAllAccepted();
    expect(copiesOf(name)).toHaveLength(60);
  });

  it('F10: 408, though the points were stored: sent again, the same', async () => {
    let stalled = 0;
    faults.goWrong(() => {
      stalled += 1;
      return stalled <= 2 ? replies.stalled : null;
    });
    await faults.emit({ points: { M: 20, L: 20 }, kind: 'f10' });
    await expectAllAccepted();
    expect(copiesOf('f10')).toEqual(Array(40).fill(2));
  });
});

describe('an answer that says "not now"', () => {
  it('F07: 500, 502, 503 in turns: tried again, slower and slower, and nothing dies', async () => {
    const statuses = [500, 502, 503];
    let nth = 0;
    faults.goWrong(() => replies.failed(statuses[nth++ % 3] ?? 500));
    const run = await faults.emit({ points: { M: 20, L: 20 }, kind: 'f07' });
    expect(run.points).toMatchObject({ delivered: 0, queued: 40 });
    await eventually('tries in vain', () => writes().length >= 4);
    expect(await newLetters()).toEqual([]);
    faults.goWrong(null);
    await expectAllAccepted();
    expect(copiesOf('f07')).toEqual(Array(40).fill(1));
  });

  it.each<[string, Reply]>([
    ['429', replies.throttled],
    ['429 with Retry-After', replies.throttledFor(1)],
  ])(
    'F08: %s for a while: few requests, nothing dies, and all is accepted afterwards',
    async (name, reply) => {
      const sinceMs = performance.now();
      faults.goWrong(() => reply);
      const kind = `f08 ${name}`;
      for (let run = 0; run < 3; run += 1) await faults.emit({ points: { M: 10, L: 10 }, reports: 5, kind });
      await eventually('some seconds of it', () => performance.now() - sinceMs > 3_000);
      const seconds = (performance.now() - sinceMs) / 1000;
      // Either route stops for a second each time; then a few go, for all that wait, before they are told again.
      expect(writes().length).toBeLessThanOrEqual(40 + 10 * seconds);
      faults.goWrong(null);
      await expectAllAccepted();
      expect(copiesOf(kind)).toEqual(Array(300).fill(1));
    },
  );
});

describe('an answer about the points', () => {
  it('F09: 413 of a proxy: halved until it fits; what is too large alone is a dead letter', async () => {
    const isHuge = (line: string) => line.includes('huge');
    faults.goWrong(({ lines }) => (lines.length > 10 || lines.some(isHuge) ? replies.tooLarge : null));
    await faults.emit({ points: { M: 100 }, kind: 'f09' });
    await faults.emit({ points: { M: 1 }, kind: 'huge' });
    await faults.conserved();
    expect(await newLetters()).toMatchObject([{ points: 1, reason: { code: 'too-large' } }]);
    expect(copiesOf('f09')).toEqual(Array(100).fill(1));
    expect(writes().length).toBeLessThanOrEqual(2 * 16 + 1);
  });

  it('F11: 200 without the header for one point: that one is a dead letter, the others are accepted', async () => {
    const bad = (line: string) => /"?v"?[=:]7[,}. ]/.test(line);
    faults.goWrong(poison(bad, replies.panicked));
    await faults.emit({ points: { M: 30 }, kind: 'f11' });
    await faults.conserved();
    expect(await newLetters()).toMatchObject([{ points: 1, reason: { code: 'not-acknowledged' } }]);
    expect(copiesOf('f11')).toEqual(Array(29).fill(1));
  });

  it('F11: 200 without the header for everything: the DataKit is at fault, and nothing dies', async () => {
    faults.goWrong(() => replies.panicked);
    const run = await faults.emit({ points: { M: 30, L: 30 }, kind: 'f11 all' });
    expect(run.points).toMatchObject({ delivered: 0, queued: 60, dead: 0 });
    faults.goWrong(null);
    await expectAllAccepted();
    expect(copiesOf('f11 all')).toEqual(Array(60).fill(1));
  });

  it('F12: 400 without the header, 403, 404, 307: it is held, nothing dies, and no redirect is followed', async () => {
    const elsewhere = await startFaultyDatakit();
    const location = `${elsewhere.url}/v1/write/metric`;
    const redirect: Reply = { ...replies.redirect, headers: { Location: location } };
    const first = replies.notTls;
    const toldBefore = alerts();
    const told = () => alerts() - toldBefore;
    try {
      for (const reply of [first, replies.notPublic, replies.notFound, redirect]) {
        const before = faults.writes().length;
        faults.goWrong(() => reply);
        const run = await faults.emit({ points: { M: 10 }, kind: `f12 ${reply.status}` });
        expect(run.points).toMatchObject({ delivered: 0, queued: 10, dead: 0 });
        await eventually('a try in vain', () => faults.writes().length > before);
        if (reply === first) await eventually('either app to tell of it', () => told() === 2);
        faults.goWrong(null);
        await expectAllAccepted();
        if (reply === first) expect(told()).toBe(2); // once each, however often they tried
        expect(copiesOf(`f12 ${reply.status}`)).toEqual(Array(10).fill(1));
      }
      expect(elsewhere.writes).toEqual([]);
    } finally {
      await elsewhere.close();
    }
  });

  it('F13: one poison point of a thousand: 999 are accepted, one is a dead letter, with at most 21 requests', async () => {
    faults.goWrong(poison((line) => / v=613,| v=613 |,v=613[, ]/.test(line)));
    const run = await faults.emit({ points: { M: 1000 }, kind: 'f13' });
    await faults.conserved();
    expect(run.points).toEqual({ reported: 1000, delivered: 999, queued: 0, dead: 1 });
    expect(await newLetters()).toMatchObject([
      { points: 1, reason: { code: 'rejected' }, answer: { status: 400 } },
    ]);
    expect(copiesOf('f13')).toEqual(Array(999).fill(1));
    expect(writes().length).toBeLessThanOrEqual(21);
  });

  it('F14: nothing but poison: every point is a dead letter, with hardly more than a request for each', async () => {
    const POINTS = 1000;
    faults.goWrong(() => replies.rejected);
    const run = await faults.emit({ points: { M: POINTS }, kind: 'f14' });
    // The worker does not take all of it apart itself: what is left of its hundred requests waits.
    expect(run.points.dead).toBeGreaterThan(0);
    expect(run.points.queued).toBeGreaterThan(POINTS - 100);
    await faults.conserved();
    const letters = await newLetters();
    expect(letters.reduce((sum, { points }) => sum + points, 0)).toBe(POINTS);
    expect(copiesOf('f14')).toEqual([]);
    expect(writes().length).toBeLessThanOrEqual(1.2 * POINTS);
  });
});
