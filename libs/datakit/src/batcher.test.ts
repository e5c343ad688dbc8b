import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Batch, BatchLine, BatchResult, Outcome } from './batch.ts';
import { type Batcher, type BatcherOptions, createBatcher } from './batcher.ts';
import { causeOf } from './cause.ts';
import type { Destination } from './delivery.ts';
import { BatcherClosedError } from './errors.ts';
import { ManualClock } from './manual-clock.ts';

const TO: Destination = { endpoint: 'http://a:1', category: 'metric', query: [] };
const ELSEWHERE: Destination = { ...TO, endpoint: 'http://b:1' };
const ALL_ACCEPTED: BatchResult = { dead: [], retry: null };
const never = new AbortController().signal;

interface Flight {
  readonly batch: Batch<string>;
  readonly atMs: number;
  readonly signal: AbortSignal;
  land(result?: BatchResult): void;
  crash(error: Error): void;
}

interface Setup {
  readonly clock: ManualClock;
  readonly batcher: Batcher<string>;
  /** Everything that was sent, with the moment since the start. */
  readonly flights: Flight[];
}

function setup(options: Partial<BatcherOptions<string>> = {}): Setup {
  const clock = new ManualClock();
  const startMs = clock.now();
  const flights: Flight[] = [];
  const send = (batch: Batch<string>, signal: AbortSignal) =>
    new Promise<BatchResult>((resolve, reject) => {
      const atMs = clock.now() - startMs;
      flights.push({ batch, atMs, signal, land: (result = ALL_ACCEPTED) => resolve(result), crash: reject });
    });
  return { clock, flights, batcher: createBatcher<string>({ clock, send, ...options }) };
}

const linesOf = (prefix: string, count: number): BatchLine[] =>
  Array.from({ length: count }, (_, i) => ({ line: `${prefix}${i}` }));

const summary = ({ batch, atMs }: Flight) => ({ body: batch.body, atMs });

describe('createBatcher', () => {
  it('sends a lone add in the next turn of the event loop, together with what is added in this one', async () => {
    const { clock, batcher, flights } = setup();
    const first = batcher.add(TO, linesOf('a', 2), 'run 1');
    const second = batcher.add(TO, linesOf('b', 1), 'run 2');
    expect(flights).toEqual([]);
    await clock.advance(0);
    expect(flights.map(summary)).toEqual([{ body: 'a0\na1\nb0', atMs: 0 }]);
    expect(flights[0]?.batch).toMatchObject({
      ...TO,
      points: 3,
      bytes: 8,
      lines: ['a0', 'a1', 'b0'],
      origins: [
        { origin: 'run 1', points: 2 },
        { origin: 'run 2', points: 1 },
      ],
    });
    flights[0]?.land();
    expect(await first).toEqual({ accepted: 2, dead: [], retry: [], unsent: [] });
    expect(await second).toEqual({ accepted: 1, dead: [], retry: [], unsent: [] });
    expect(batcher.heldBytes()).toBe(0);
  });

  it('gathers what comes while a batch is in flight, and sends it when that is back', async () => {
    const { clock, batcher, flights } = setup();
    void batcher.add(TO, linesOf('a', 1), 'run 1');
    await clock.advance(30);
    void batcher.add(TO, linesOf('b', 1), 'run 2');
    void batcher.add(TO, linesOf('c', 1), 'run 3');
    await clock.advance(30);
    expect(flights).toHaveLength(1);
    flights[0]?.land();
    await clock.advance(0);
    expect(flights.map(summary)[1]).toEqual({ body: 'b0\nc0', atMs: 60 });
  });

  it('waits for company no longer than 100 ms while there is a place to send', async () => {
    const { clock, batcher, flights } = setup();
    void batcher.add(TO, linesOf('a', 1), 'run 1');
    await clock.advance(10);
    void batcher.add(TO, linesOf('b', 1), 'run 2');
    await clock.advance(50);
    void batcher.add(TO, linesOf('c', 1), 'run 3');
    await clock.advance(49);
    expect(flights).toHaveLength(1);
    await clock.advance(1);
    expect(flights.map(summary)[1]).toEqual({ body: 'b0\nc0', atMs: 110 });
  });

  it('keeps small batches of one queue 25 ms apart, so that it leaves others their share of the rate', async () => {
    const { clock, batcher, flights } = setup();
    for (let i = 0; i < 200; i++) {
      void batcher.add(TO, linesOf('a', 1), 'run');
      await clock.advance(1);
      flights.at(-1)?.land();
      await clock.advance(4);
    }
    expect(flights.length).toBeGreaterThan(35);
    expect(flights.length).toBeLessThanOrEqual(41);
  });

  it('sends a full batch at once, whatever is in flight', async () => {
    const { clock, batcher, flights } = setup({ maxPoints: 3 });
    void batcher.add(TO, linesOf('a', 1), 'run 1');
    await clock.advance(0);
    void batcher.add(TO, linesOf('b', 2), 'run 2');
    void batcher.add(TO, linesOf('c', 2), 'run 3');
    expect(flights.map(({ batch }) => batch.body)).toEqual(['a0', 'b0\nb1\nc0']);
  });

  it('has one queue per endpoint, category and query', async () => {
    const { clock, batcher, flights } = setup({ concurrency: 9 });
    const destinations: Destination[] = [
      TO,
      ELSEWHERE,
      { ...TO, category: 'logging' },
      { ...TO, query: [['input', 'x']] },
      { ...TO, query: [['input', 'y']] },
    ];
    for (const destination of [...destinations, ...destinations]) {
      void batcher.add(destination, linesOf('a', 1), 'run');
    }
    await clock.advance(0);
    expect(
      flights.map(({ batch: { endpoint, category, query, points } }) => [
        { endpoint, category, query },
        points,
      ]),
    ).toEqual(destinations.map((destination) => [destination, 2]));
  });

  it('has so many batches of an endpoint in flight at most, and never lets one endpoint wait for another', async () => {
    const { clock, batcher, flights } = setup({ maxPoints: 1, concurrency: 2 });
    void batcher.add(TO, linesOf('a', 5), 'run 1');
    expect(flights).toHaveLength(2);
    void batcher.add(ELSEWHERE, linesOf('b', 1), 'run 2');
    expect(flights.map(({ batch }) => batch.body)).toEqual(['a0', 'a1', 'b0']);
    flights[0]?.land();
    await clock.advance(0);
    expect(flights.map(({ batch }) => batch.body)).toEqual(['a0', 'a1', 'b0', 'a2']);
  });

  it('takes turns between the queues of an endpoint', async () => {
    const { clock, batcher, flights } = setup({ maxPoints: 1, concurrency: 1 });
    void batcher.add(TO, linesOf('a', 3), 'run 1');
    void batcher.add({ ...TO, category: 'logging' }, linesOf('b', 1), 'run 2');
    for (let i = 0; i < 4; i++) {
      flights[i]?.land();
      await clock.advance(0);
    }
    expect(flights.map(({ batch }) => batch.body)).toEqual(['a0', 'a1', 'b0', 'a2']);
  });

  it('keeps an add outside while an endpoint holds too many bytes, and lets another endpoint in', async () => {
    const { clock, batcher, flights } = setup({ maxHeldBytes: 10 });
    const first = batcher.add(TO, [{ line: '12345678' }], 'run 1');
    const second = batcher.add(TO, [{ line: 'abc' }], 'run 2');
    const third = batcher.add(TO, [{ line: 'x'.repeat(50) }], 'run 3');
    void batcher.add(ELSEWHERE, [{ line: 'b' }], 'run 4');
    await clock.advance(200);
    expect(flights.map(({ batch }) => batch.body)).toEqual(['12345678', 'b']);
    expect(batcher.heldBytes()).toBe(8 + 3 + 50 + 1);
    flights[0]?.land();
    await first;
    await clock.advance(200);
    flights[2]?.land();
    await second;
    await clock.advance(200);
    expect(flights.at(-1)?.batch.body).toBe('x'.repeat(50));
    flights.at(-1)?.land();
    await third;
  });

  it('tells each origin what became of its own points, by its own positions', async () => {
    const { clock, batcher, flights } = setup();
    const first = batcher.add(TO, linesOf('a', 3), 'run 1');
    const second = batcher.add(TO, linesOf('b', 3), 'run 2');
    await clock.advance(0);
    const answer = { status: 400, code: null, body: '' };
    const cause = causeOf('reset', 'broke');
    flights[0]?.land({
      dead: [
        { indexes: [1, 3], code: 'rejected', answer },
        { indexes: [5], code: 'too-large', answer },
      ],
      retry: { indexes: [2, 4], cause, afterMs: 5 },
    });
    expect(await first).toEqual({
      accepted: 1,
      dead: [{ indexes: [1], code: 'rejected', answer }],
      retry: [{ indexes: [2], cause, afterMs: 5 }],
      unsent: [],
    });
    expect(await second).toEqual({
      accepted: 0,
      dead: [
        { indexes: [0], code: 'rejected', answer },
        { indexes: [2], code: 'too-large', answer },
      ],
      retry: [{ indexes: [1], cause, afterMs: 5 }],
      unsent: [],
    });
  });

  it('gives points back as unsent when sending threw, and goes on', async () => {
    const { clock, batcher, flights } = setup();
    const first = batcher.add(TO, linesOf('a', 2), 'run 1');
    await clock.advance(0);
    const error = new Error('no Redis');
    flights[0]?.crash(error);
    expect(await first).toEqual({ accepted: 0, dead: [], retry: [], unsent: [{ indexes: [0, 1], error }] });
    const second = batcher.add(TO, linesOf('b', 1), 'run 2');
    await clock.advance(100);
    flights[1]?.land();
    expect((await second).accepted).toBe(1);
  });

  it('buries a line that fits in no batch without sending it, and sends the rest', async () => {
    const { clock, batcher, flights } = setup({ maxBytes: 10 });
    const outcome = batcher.add(TO, [{ line: 'a' }, { line: 'x'.repeat(11) }, { line: 'b' }], 'run 1');
    await clock.advance(0);
    expect(flights.map(({ batch }) => batch.body)).toEqual(['a\nb']);
    flights[0]?.land({ dead: [{ indexes: [1], code: 'rejected', answer: null }], retry: null });
    expect(await outcome).toMatchObject({
      accepted: 1,
      dead: [
        { indexes: [1], code: 'too-large', answer: null },
        { indexes: [2], code: 'rejected' },
      ],
    });
    const alone = await batcher.add(TO, [{ line: 'y'.repeat(11) }], 'run 2');
    expect(alone).toMatchObject({ accepted: 0, dead: [{ indexes: [0], code: 'too-large' }] });
    expect(flights).toHaveLength(1);
    expect(batcher.heldBytes()).toBe(0);
  });

  it('keeps what is written as JSON apart, in arrays within the same bounds', async () => {
    const { clock, batcher, flights } = setup({ maxBytes: 10 });
    const json: Destination = { ...TO, form: 'json' };
    void batcher.add(TO, [{ line: 'a' }], 'run 1');
    void batcher.add(json, [{ line: '{1}' }, { line: '{22}' }, { line: '{3}' }], 'run 2');
    const tooLarge = batcher.add(json, [{ line: '{1234567}' }], 'run 3');
    void batcher.close(never);
    await clock.advance(0);
    const bodies = flights.map(({ batch: { body, bytes } }) => [body, bytes]);
    expect(bodies.sort()).toEqual([
      ['[{1},{22}]', 10],
      ['[{3}]', 5],
      ['a', 1],
    ]);
    expect((await tooLarge).dead).toMatchObject([{ code: 'too-large' }]);
  });

  it('is done at once with nothing', async () => {
    const { batcher } = setup();
    expect(await batcher.add(TO, [], 'run')).toEqual({ accepted: 0, dead: [], retry: [], unsent: [] });
  });

  it('sends all that waits without waiting when it closes, and resolves when that is settled', async () => {
    const { clock, batcher, flights } = setup();
    void batcher.add(TO, linesOf('a', 1), 'run 1');
    await clock.advance(0);
    const second = batcher.add(TO, linesOf('b', 1), 'run 2');
    let closed = false;
    const closing = batcher.close(never).then(() => {
      closed = true;
    });
    expect(flights.map(({ batch }) => batch.body)).toEqual(['a0', 'b0']);
    flights[0]?.land();
    await clock.advance(0);
    expect(closed).toBe(false);
    flights[1]?.land();
    await closing;
    expect((await second).accepted).toBe(1);
    await batcher.close(never);
    const late = await batcher.add(TO, linesOf('c', 1), 'run 3');
    expect(late.unsent).toMatchObject([{ indexes: [0], error: expect.any(BatcherClosedError) }]);
    expect(clock.pending).toBe(0);
  });

  it('gives back what is in no batch when the time to close is up, and aborts what is in flight', async () => {
    const { clock, batcher, flights } = setup({ maxPoints: 2, concurrency: 1, maxHeldBytes: 8 });
    const inside = batcher.add(TO, linesOf('a', 3), 'run 1');
    const outside = batcher.add(TO, linesOf('b', 3), 'run 2');
    const timeUp = new AbortController();
    const closing = batcher.close(timeUp.signal);
    await clock.advance(0);
    timeUp.abort(new Error('time is up'));
    expect((await outside).unsent).toMatchObject([{ indexes: [0, 1, 2] }]);
    expect(flights[0]?.signal.aborted).toBe(true);
    flights[0]?.land({
      dead: [],
      retry: { indexes: [0, 1], cause: causeOf('aborted', 'stopped'), afterMs: null },
    });
    await closing;
    expect(await inside).toMatchObject({
      accepted: 0,
      retry: [{ indexes: [0, 1] }],
      unsent: [{ indexes: [2] }],
    });
    expect(batcher.heldBytes()).toBe(0);
  });

  it('keeps its bounds and every line, whatever is added when', { timeout: 600_000 }, async () => {
    const add = fc.record({
      pauseMs: fc.constantFrom(0, 0, 1, 20, 150),
      lines: fc.array(
        fc.integer({ min: 1, max: 25 }).map((size) => ({ line: 'x'.repeat(size) })),
        { maxLength: 8 },
      ),
      destination: fc.constantFrom(TO, ELSEWHERE),
    });
    await fc.assert(
      fc.asyncProperty(
        fc.array(add, { maxLength: 6 }),
        fc.integer({ min: 0, max: 60 }),
        async (adds, tripMs) => {
          const clock = new ManualClock();
          const limits = { maxPoints: 5, maxBytes: 40, concurrency: 100 };
          const batches: Batch<number>[] = [];
          const lateness: number[] = [];
          const addedMs: number[] = [];
          const batcher = createBatcher<number>({
            ...limits,
            clock,
            send: async (batch) => {
              batches.push(batch);
              for (const { origin } of batch.origins) lateness.push(clock.now() - (addedMs[origin] ?? 0));
              await new Promise<void>((resolve) => clock.after(tripMs, resolve));
              return ALL_ACCEPTED;
            },
          });
          const outcomes: Promise<Outcome>[] = [];
          for (const [nth, { pauseMs, lines, destination }] of adds.entries()) {
            addedMs.push(clock.now());
            outcomes.push(batcher.add(destination, lines, nth));
            await clock.advance(pauseMs);
          }
          await clock.advance(5000);
          for (const { points, bytes, body } of batches) {
            expect(points).toBeLessThanOrEqual(limits.maxPoints);
            expect(bytes).toBeLessThanOrEqual(limits.maxBytes);
            expect(Buffer.byteLength(body)).toBe(bytes);
            expect(body.split('\n')).toHaveLength(points);
          }
          expect(Math.max(0, ...lateness)).toBeLessThanOrEqual(100);
          const accepted = (await Promise.all(outcomes)).map((outcome) => outcome.accepted);
          expect(accepted).toEqual(adds.map(({ lines }) => lines.length));
          const sentFrom = (nth: number) =>
            batches
              .flatMap(({ origins }) => origins)
              .filter(({ origin }) => origin === nth)
              .reduce((sum, { points }) => sum + points, 0);
          expect(adds.map((_, nth) => sentFrom(nth))).toEqual(accepted);
          expect(batcher.heldBytes()).toBe(0);
        },
      ),
      { numRuns: 10_000 },
    );
  });
});
