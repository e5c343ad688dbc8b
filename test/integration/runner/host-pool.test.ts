import { createHostPool, type HostEvent, type HostSpec, outcomeOf } from '@pythond/runner';
import { expect, it } from 'vitest';
import { corePath, environment, hostOptions, ours, run, scratch } from './support.ts';

function pool(maxHosts: number, runs = 10_000) {
  const events: HostEvent[] = [];
  const made = createHostPool({
    maxHosts,
    corePath,
    tmpDir: scratch,
    recycle: { runs },
    random: () => 0.2,
    onEvent: (event) => void events.push(event),
  });
  return { pool: made, events };
}

async function spec(name: string): Promise<HostSpec> {
  const { interpreter, bundleRoot, modules, policy } = await hostOptions();
  return { interpreter, bundleRoot, modules, policy, environment: environment({ NAME: name }) };
}

it('runs many kinds within few processes', async () => {
  const { pool: p, events } = pool(2);
  const specs = await Promise.all(['a', 'b', 'c', 'd'].map(spec));
  const outcomes = await Promise.all(
    [...specs, ...specs, ...specs].map(async (kind) => {
      const lease = await p.acquire(kind);
      expect(events.filter(({ kind: k }) => k === 'starting').length).toBeLessThanOrEqual(
        2 + events.filter(({ kind: k }) => k === 'gone').length,
      );
      try {
        // Several of one kind may be at it: the host refuses a second run of one collector.
        return outcomeOf((await run(lease.host, 'Honest/honest:Quick')).end);
      } finally {
        lease.release();
      }
    }),
  );
  const kinds = outcomes.map((outcome) => outcome.kind);
  expect(kinds.filter((kind) => kind === 'succeeded').length).toBeGreaterThanOrEqual(4);
  await p.stop();
  expect(ours()).toEqual([]);
});

it('replaces a host that a run has killed', async () => {
  const { pool: p, events } = pool(2);
  const kind = await spec('a');
  const lease = await p.acquire(kind);
  expect(outcomeOf((await run(lease.host, 'Trouble/trouble:KillsItsHost')).end)).toEqual({
    kind: 'failed',
    reason: 'host',
  });
  lease.release();
  const next = await p.acquire(kind);
  expect(next.host).not.toBe(lease.host);
  expect(outcomeOf((await run(next.host, 'Honest/honest:Quick')).end).kind).toBe('succeeded');
  next.release();
  expect(events.filter(({ kind: k }) => k === 'gone')).toHaveLength(1);
  await p.stop();
});

it('recycles a host after its runs', async () => {
  const { pool: p, events } = pool(2, 2);
  const kind = await spec('a');
  for (let i = 0; i < 6; i++) {
    const lease = await p.acquire(kind);
    expect(outcomeOf((await run(lease.host, 'Honest/honest:Quick')).end).kind).toBe('succeeded');
    lease.release();
  }
  expect(events.filter((event) => event.kind === 'retired' && event.why === 'worn')).toHaveLength(3);
  await p.stop();
});
