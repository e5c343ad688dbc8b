import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { causeOf } from './cause.ts';
import type { Delivery } from './delivery.ts';
import { type Resolution, resolveDelivery } from './resolve.ts';
import type { Verdict } from './verdict.ts';

const { signal } = new AbortController();
const answer = { status: 400, code: 'invalidLinePoint', body: 'no' };
const rejected: Verdict = { kind: 'rejected', answer };
const suspect: Verdict = { kind: 'suspect', answer: { status: 200, code: null, body: '' } };
const accepted: Verdict = { kind: 'accepted' };
const tooLarge: Verdict = { kind: 'too-large', answer: { status: 413, code: null, body: '' } };
const unknown: Verdict = { kind: 'unknown', cause: causeOf('reset', 'broke') };

function deliveryOf(points: number): Delivery {
  const lines = Array.from({ length: points }, (_, i) => `m,i=${i} v=1 ${i + 1}`);
  return {
    endpoint: 'http://a:1',
    category: 'metric',
    query: [['input', 'x']],
    body: lines.join('\n'),
    points,
  };
}

interface Sent {
  readonly indexes: readonly number[];
  readonly plain: boolean;
  readonly body: string;
}

interface Ran extends Resolution {
  readonly sent: readonly Sent[];
  readonly probes: number;
}

interface Script {
  readonly points: number;
  readonly send: (sent: Sent, nth: number) => Verdict;
  readonly probe?: (nth: number) => Verdict;
  readonly budget?: number;
  readonly delivery?: Delivery;
}

async function run({ points, send, probe = () => accepted, budget, delivery }: Script): Promise<Ran> {
  const sent: Sent[] = [];
  let probes = 0;
  const client = {
    send: async (part: Delivery, { plain = false }) => {
      const body = part.body.toString();
      const indexes = [...body.matchAll(/,i=(\d+)/g)].map(([, index]) => Number(index));
      expect(part).toMatchObject({ endpoint: 'http://a:1', category: 'metric', query: [['input', 'x']] });
      expect(part.points).toBe(delivery ? part.points : indexes.length);
      sent.push({ indexes, plain, body });
      return send({ indexes, plain, body }, sent.length);
    },
    probe: async () => probe(++probes),
  };
  const options = { signal, ...(budget === undefined ? {} : { budget }) };
  const resolution = await resolveDelivery(client, delivery ?? deliveryOf(points), options);
  return { ...resolution, sent, probes };
}

const holding = (bad: ReadonlySet<number>, verdict: Verdict) => (sent: Sent) =>
  sent.indexes.some((index) => bad.has(index)) ? verdict : accepted;

const range = (points: number) => [...Array(points).keys()];

describe('resolveDelivery', () => {
  it('is done after one request when all is accepted', async () => {
    const { sent, ...resolution } = await run({ points: 1000, send: () => accepted });
    expect(resolution).toEqual({ accepted: 1000, dead: [], retry: null, hold: null, requests: 1, probes: 0 });
    expect(sent[0]?.body).toBe(deliveryOf(1000).body);
  });

  it('sends nothing for no points', async () => {
    expect(await run({ points: 0, send: () => accepted })).toMatchObject({ accepted: 0, requests: 0 });
  });

  it('isolates one refused point of a thousand with at most 21 requests', async () => {
    const ran = await run({ points: 1000, send: holding(new Set([777]), rejected) });
    expect(ran).toMatchObject({
      accepted: 999,
      dead: [{ indexes: [777], code: 'rejected', answer }],
      retry: null,
    });
    expect(ran.requests).toBeLessThanOrEqual(21);
  });

  it('buries the points that a server breaks on, and asks with a good point before each', async () => {
    const bad = new Set([3, 40]);
    const ran = await run({ points: 64, send: holding(bad, suspect) });
    expect(ran).toMatchObject({
      accepted: 62,
      dead: [
        { indexes: [3], code: 'not-acknowledged' },
        { indexes: [40], code: 'not-acknowledged' },
      ],
    });
    expect(ran.probes).toBe(3);
    expect(ran.requests - ran.probes).toBeLessThanOrEqual(2 * 2 * 6 + 1);
  });

  it('calls a point rejected when a refusal that is not in the table is meant for it', async () => {
    const strange: Verdict = { kind: 'suspect', answer: { status: 422, code: 'newer', body: '' } };
    const ran = await run({ points: 2, send: holding(new Set([1]), strange) });
    expect(ran.dead).toMatchObject([{ indexes: [1], code: 'rejected', answer: { status: 422 } }]);
  });

  it('holds the endpoint and keeps every point when not even a good point is acknowledged', async () => {
    const fault: Verdict = {
      kind: 'endpoint-fault',
      scope: 'endpoint',
      answer: { status: 200, code: null, body: '' },
    };
    const ran = await run({ points: 10, send: () => suspect, probe: () => fault });
    expect(ran).toMatchObject({
      accepted: 0,
      dead: [],
      retry: { indexes: range(10), cause: { code: 'not-acknowledged' } },
      hold: { endpoint: 'http://a:1', scope: 'endpoint', cause: { code: 'not-acknowledged' } },
      requests: 2,
    });
  });

  it('keeps every point when a server starts to break on good points in the middle', async () => {
    const fault: Verdict = { kind: 'endpoint-fault', scope: 'endpoint', answer };
    const ran = await run({
      points: 4,
      send: () => suspect,
      probe: (nth) => (nth === 1 ? accepted : fault),
    });
    expect(ran).toMatchObject({ accepted: 0, dead: [], retry: { indexes: [0, 1, 2, 3] } });
  });

  it('holds the endpoint, with no dead letter, for a fault of the endpoint', async () => {
    const fault: Verdict = { kind: 'endpoint-fault', scope: 'route', answer: { ...answer, status: 403 } };
    const ran = await run({ points: 5, send: () => fault });
    expect(ran).toMatchObject({
      dead: [],
      retry: { indexes: range(5), afterMs: null },
      hold: { scope: 'route' },
    });
  });

  it('halves what is too large, and buries a point that is too large by itself', async () => {
    const ran = await run({
      points: 100,
      send: ({ indexes }) => (indexes.length > 13 || indexes.includes(57) ? tooLarge : accepted),
    });
    expect(ran).toMatchObject({ accepted: 99, dead: [{ indexes: [57], code: 'too-large' }] });
  });

  it('sends what was damaged once more uncompressed, and stays with that', async () => {
    const damaged: Verdict = { kind: 'damaged', answer };
    const ran = await run({
      points: 4,
      send: (sent) => (sent.plain ? holding(new Set([2]), rejected)(sent) : damaged),
    });
    expect(ran).toMatchObject({ accepted: 3, dead: [{ indexes: [2] }] });
    expect(ran.sent.map(({ plain }) => plain)).toEqual([false, ...ran.sent.slice(1).map(() => true)]);
  });

  it('buries what is damaged uncompressed, too', async () => {
    const ran = await run({ points: 3, send: () => ({ kind: 'damaged', answer }) });
    expect(ran).toMatchObject({ accepted: 0, dead: [{ indexes: [0, 1, 2], code: 'damaged' }], requests: 2 });
  });

  it('buries our own nonsense as a whole, and never sends it again', async () => {
    const ran = await run({ points: 3, send: () => ({ kind: 'our-bug', answer }) });
    expect(ran).toMatchObject({ dead: [{ indexes: [0, 1, 2], code: 'our-bug' }], retry: null, requests: 1 });
  });

  it.each<[string, Verdict, number | null]>([
    ['reset', unknown, null],
    ['throttled', { kind: 'throttled', answer: { ...answer, status: 429 }, afterMs: 1234 }, 1234],
    ['held', { kind: 'held', afterMs: 500, cause: causeOf('held', 'open') }, 500],
  ])('keeps all points in order for the next try when %s', async (code, verdict, afterMs) => {
    const ran = await run({ points: 7, send: () => verdict });
    expect(ran).toMatchObject({ accepted: 0, dead: [], hold: null, requests: 1 });
    expect(ran.retry).toMatchObject({ indexes: range(7), afterMs, cause: { code } });
  });

  it('stops at its budget, probes included, and keeps the rest', async () => {
    const ran = await run({ points: 100, send: () => rejected, budget: 20 });
    expect(ran.requests).toBe(20);
    expect(ran.retry?.cause.code).toBe('budget');
    expect(ran.dead.length + (ran.retry?.indexes.length ?? 0)).toBe(100);
    expect(await run({ points: 4, send: () => suspect, budget: 1 })).toMatchObject({
      requests: 1,
      probes: 0,
      retry: { indexes: [0, 1, 2, 3], cause: { code: 'budget' } },
    });
  });

  it('gives a batch whose lines can not be told apart one fate', async () => {
    const delivery: Delivery = { ...deliveryOf(0), body: 'm v=1 1', points: 3 };
    const ran = await run({ points: 3, delivery, send: () => rejected });
    expect(ran).toMatchObject({ dead: [{ indexes: [0, 1, 2], code: 'rejected', answer }], requests: 1 });
  });

  it('bisects JSON as it bisects lines', async () => {
    const lines = range(8).map((i) => `{"x":",i=${i}"}`);
    const delivery: Delivery = {
      ...deliveryOf(0),
      form: 'json',
      body: `[${lines.join(',')}]`,
      lines,
      points: 8,
    };
    const ran = await run({ points: 8, delivery, send: holding(new Set([5]), rejected) });
    expect(ran).toMatchObject({ accepted: 7, dead: [{ indexes: [5], code: 'rejected' }] });
    for (const { body } of ran.sent) expect(Array.isArray(JSON.parse(body))).toBe(true);
  });

  it('accounts for each point exactly once, whatever the server does', async () => {
    const anyVerdict = fc.constantFrom<Verdict>(
      ...Array<Verdict>(6).fill(accepted),
      ...Array<Verdict>(6).fill(rejected),
      suspect,
      tooLarge,
      unknown,
      { kind: 'damaged', answer },
      { kind: 'endpoint-fault', scope: 'endpoint', answer },
    );
    const verdicts = fc.array(anyVerdict, { minLength: 1, maxLength: 60 });
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 64 }), verdicts, async (points, script) => {
        const stored: number[] = [];
        const ran = await run({
          points,
          budget: 500,
          send: ({ indexes }, nth) => {
            const verdict = script[(nth - 1) % script.length] ?? accepted;
            if (verdict.kind === 'accepted') stored.push(...indexes);
            return verdict;
          },
        });
        expect(ran.accepted).toBe(stored.length);
        const all = [...stored, ...ran.dead.flatMap(({ indexes }) => indexes), ...(ran.retry?.indexes ?? [])];
        expect(all.sort((a, b) => a - b)).toEqual(range(points));
      }),
      { numRuns: 3000 },
    );
  });
});
