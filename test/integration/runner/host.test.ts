import { mkdtempSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { causeOf, defaultHostLimits, outcomeOf, type PointsReport, RunCancellation } from '@pythond/runner';
import { describe, expect, it } from 'vitest';
import { eventually } from '../../support/eventually.ts';
import { treeOf } from '../../support/processes.ts';
import { environment, ours, PATIENCE_MS, run, scratch, startHost, startHostile } from './support.ts';

const honest = (name: string) => `Honest/honest:${name}`;
const trouble = (name: string) => `Trouble/trouble:${name}`;

function meeting(): string {
  return mkdtempSync(join(scratch, 'meeting-'));
}

/** A run, once it has printed something. */
async function printing(
  host: Awaited<ReturnType<typeof startHost>>,
  collector: string,
  timeoutMs = PATIENCE_MS,
) {
  await host.ready;
  let printed = '';
  const handle = host.run({
    collector,
    timeoutMs,
    leaseMs: PATIENCE_MS,
    onOutput: (_, bytes) => {
      printed += bytes.toString();
    },
  });
  await eventually(`${collector} prints`, () => printed !== '');
  return handle;
}

describe('a host', () => {
  it('imports the modules and tells what it found', async () => {
    const host = await startHost();
    const catalogue = await host.ready;
    expect(catalogue.collectors.map(({ key }) => key)).toContain(honest('Quick'));
    expect(catalogue.failures).toEqual([]);
    expect(host.state.kind).toBe('ready');
    expect(host.residentKb()).toBeGreaterThan(1_000);
  });

  it('runs a collector in a process of its own and hands on its report and its output', async () => {
    const { end, reports } = await run(await startHost(), honest('Quick'));
    expect(outcomeOf(end)).toEqual({ kind: 'succeeded' });
    expect(end).toMatchObject({ cause: 'exited', exitCode: 0, signal: null, reports: 1, stdout: 'out\n' });
    expect(end).toMatchObject({ stderr: 'err\n', bytes: { stdout: 4, stderr: 4 }, error: null, strays: 0 });
    expect(end.cpuMs).toBeGreaterThan(0);
    expect(end.maxRssKb).toBeGreaterThan(1_000);
    expect(end.times.endedAtNs ?? 0n).toBeGreaterThan(end.times.startedAtNs ?? 0n);
    expect(reports).toHaveLength(1);
    expect(reports[0]).toMatchObject({ kind: 'points', category: 'metric', query: [['input', 'quick']] });
  });

  it('runs a hundred times', async () => {
    const host = await startHost();
    for (let i = 0; i < 100; i++) {
      expect(outcomeOf((await run(host, honest('Quick'))).end).kind).toBe('succeeded');
    }
    expect(host.runs).toEqual({ total: 100, live: 0 });
  });

  it('keeps every digit of what a script reported', async () => {
    const { reports } = await run(await startHost(), honest('Exact'));
    const { points } = reports[0] as PointsReport;
    for (const number of [String(2n ** 63n), 'NaN', '-0.0', `1${'0'.repeat(400)}`]) {
      expect(points).toContain(`{"v": ${number}}`);
    }
  });

  it('runs different collectors at once, and one collector never', async () => {
    const host = await startHost({ environment: environment({ MEETING: meeting() }) });
    const both = await Promise.all([run(host, honest('Left')), run(host, honest('Right'))]);
    expect(both.map(({ end }) => outcomeOf(end).kind)).toEqual(['succeeded', 'succeeded']);

    const folder = meeting();
    const other = await startHost({ environment: environment({ MEETING: folder }) });
    const patient = await printing(other, honest('Patient'));
    const refused = await run(other, honest('Patient'));
    expect(outcomeOf(refused.end)).toEqual({ kind: 'failed', reason: 'unavailable' });
    expect(causeOf(refused.end, defaultHostLimits)).toContain('goes on');
    writeFileSync(join(folder, 'go'), '');
    expect(outcomeOf(await patient.result)).toEqual({ kind: 'succeeded' });
  });

  it('refuses a collector that it does not have', async () => {
    const { end } = await run(await startHost(), 'no/such:Thing');
    expect(causeOf(end, defaultHostLimits)).toContain('no/such:Thing');
  });

  it('is not held up by 10 MB on stdout', async () => {
    const { end } = await run(await startHost(), honest('Chatty'));
    expect(outcomeOf(end)).toEqual({ kind: 'succeeded' });
    expect(end.bytes.stdout).toBe(10_001_000);
    expect(end.stdout.length).toBeLessThan(300_000);
  });

  it('brings 100,000 points whole and in order', async () => {
    const { end, reports } = await run(await startHost(), honest('Many'));
    expect(outcomeOf(end)).toEqual({ kind: 'succeeded' });
    expect(end.reports).toBe(1);
    const points = reports.flatMap((report) => JSON.parse((report as PointsReport).points));
    expect(points).toHaveLength(100_000);
    expect(points.every((point, i) => point.fields.v === i)).toBe(true);
    expect(reports.map((report) => (report as PointsReport).more)).toEqual([...Array(99).fill(true), false]);
  });

  it('tells how a run ended that did not return', async () => {
    const host = await startHost();
    const ends = new Map<string, string>();
    for (const name of ['Raises', 'Leaves'])
      ends.set(name, (await run(host, honest(name))).end.error?.type ?? '');
    expect([...ends]).toEqual([
      ['Raises', 'ValueError'],
      ['Leaves', 'SystemExit'],
    ]);
    const exits = await run(host, trouble('Exits'));
    expect(exits.end).toMatchObject({ exitCode: 3, finished: false });
    const crashes = await run(host, trouble('Crashes'));
    expect(crashes.end).toMatchObject({ exitCode: null, signal: 'SIGSEGV' });
    for (const { end } of [exits, crashes])
      expect(outcomeOf(end)).toEqual({ kind: 'failed', reason: 'died' });
  });

  it('hands on what was reported before run() raised', async () => {
    const { end, reports } = await run(await startHost(), honest('Raises'));
    expect(end.error).toMatchObject({ type: 'ValueError', message: 'no such thing' });
    expect(end.error?.traceback).toContain('honest.py');
    expect(outcomeOf(end)).toEqual({ kind: 'failed', reason: 'raised' });
    expect(reports).toHaveLength(1);
  });
});

describe('a run that does not end', () => {
  it('is killed at its time-out with all its children, and the next one is not touched', async () => {
    const host = await startHost({ limits: { killGraceMs: 200 } });
    await host.ready;
    const below = () => treeOf(host.pid ?? 0).filter(({ pid }) => pid !== host.pid);
    const hangs = await printing(host, trouble('Hangs'), 20_000);
    expect(below()).toHaveLength(5); // the run and four of its own: it said that it had started them
    const end = await hangs.result;
    expect(outcomeOf(end)).toEqual({ kind: 'timed-out' });
    expect(causeOf(end, defaultHostLimits)).toBe('killed: it took longer than its time-out of 20 s');
    expect(end.strays).toBeGreaterThan(0);
    expect(below()).toEqual([]);
    expect(outcomeOf((await run(host, honest('Quick'))).end)).toEqual({ kind: 'succeeded' });
  });

  it('is killed before its lease ends, unless that is renewed', async () => {
    const folder = meeting();
    const host = await startHost({
      environment: environment({ MEETING: folder }),
      limits: { leaseMarginMs: 400 },
    });
    await host.ready;
    const leaseMs = 1_500;
    const request = { timeoutMs: PATIENCE_MS, leaseMs };
    const renewed = host.run({ collector: honest('Patient'), ...request });
    renewed.renew(PATIENCE_MS);
    const renewing = setInterval(() => renewed.renew(PATIENCE_MS), 100);
    const began = performance.now();
    const end = await host.run({ collector: trouble('Waits'), ...request }).result;
    expect(outcomeOf(end)).toEqual({ kind: 'killed', reason: 'lease' });
    expect(performance.now() - began).toBeGreaterThan(leaseMs - 1_500 - 50);
    clearInterval(renewing);
    writeFileSync(join(folder, 'go'), '');
    expect(outcomeOf(await renewed.result)).toEqual({ kind: 'succeeded' });
  });

  it('is cancelled with a reason, by call or by signal', async () => {
    const host = await startHost();
    const called = await printing(host, trouble('Waits'));
    called.cancel(100, 'points-limit');
    expect(outcomeOf(await called.result)).toEqual({ kind: 'killed', reason: 'points-limit' });
    const controller = new AbortController();
    const signalled = host.run({
      collector: trouble('Waits'),
      timeoutMs: PATIENCE_MS,
      leaseMs: PATIENCE_MS,
      signal: controller.signal,
    });
    controller.abort(new RunCancellation('stopping'));
    expect(outcomeOf(await signalled.result)).toEqual({ kind: 'killed', reason: 'stopping' });
    expect(() => host.run({ collector: 'x', timeoutMs: 1, leaseMs: 1, signal: controller.signal })).toThrow(
      RunCancellation,
    );
  });

  it('ends with its host when that is stopped', async () => {
    const host = await startHost();
    const waits = await printing(host, trouble('Hangs'));
    const [end, death] = await Promise.all([waits.result, host.stop()]);
    expect(outcomeOf(end)).toEqual({ kind: 'killed', reason: 'stopping' });
    expect(death.reason).toBe('stopped');
    expect(ours()).toEqual([]);
    expect(() => host.run({ collector: 'x', timeoutMs: 1, leaseMs: 1 })).toThrow('dead');
  });

  it('ends with its host when that is killed, and its children with it', async () => {
    const host = await startHost();
    const hangs = await printing(host, trouble('Hangs'));
    process.kill(host.pid as number, 'SIGKILL');
    const end = await hangs.result;
    expect(ours()).toEqual([]);
    expect(outcomeOf(end)).toEqual({ kind: 'failed', reason: 'host' });
    expect(causeOf(end, defaultHostLimits)).toContain('SIGKILL');
  });
});

describe('what a run writes wrongly', () => {
  it.each([
    ['Garbage', 1],
    ['Forged', 0],
    ['AfterFinished', 0],
    ['Truncated', 0],
  ])('fails that run alone: %s', async (name, reported) => {
    const host = await startHost();
    const { end, reports } = await run(host, trouble(name));
    expect(outcomeOf(end)).toEqual({ kind: 'failed', reason: 'frame' });
    expect(reports).toHaveLength(reported);
    expect(outcomeOf((await run(host, honest('Quick'))).end)).toEqual({ kind: 'succeeded' });
  });

  it('fails the run when whoever reads the points refuses them', async () => {
    const host = await startHost();
    const onReport = () => {
      throw new Error('unexpected "x"');
    };
    const { end } = await run(host, trouble('Garbage'), { onReport });
    expect(outcomeOf(end)).toEqual({ kind: 'failed', reason: 'frame' });
    expect(causeOf(end, defaultHostLimits)).toContain('unexpected "x"');
  });

  it('ends the run when it is too much, and what came before counts', async () => {
    const host = await startHost({ limits: { resultBytes: 1_000_000 } });
    const { end, reports } = await run(host, trouble('TooMuch'));
    expect(outcomeOf(end)).toEqual({ kind: 'killed', reason: 'result-limit' });
    expect(reports.length).toBeGreaterThanOrEqual(9);
    expect(end.bytes.result).toBeLessThanOrEqual(1_000_000);
  });

  it('can kill its host, which takes only that host', async () => {
    const [host, other] = await Promise.all([startHost(), startHost()]);
    const { end } = await run(host, trouble('KillsItsHost'));
    expect(outcomeOf(end)).toEqual({ kind: 'failed', reason: 'host' });
    expect(outcomeOf((await run(other, honest('Quick'))).end)).toEqual({ kind: 'succeeded' });
  });
});

describe('a host that is stopped', () => {
  it('may be stopped before it is ready, and twice', async () => {
    const host = await startHostile('never_ready', { stopGraceMs: 100 });
    const deaths = await Promise.all([host.stop(), host.stop()]);
    expect(deaths.map(({ reason }) => reason)).toEqual(['stopped', 'stopped']);
    await expect(host.ready).rejects.toMatchObject({ code: 'host-stopped' });
  });
});
