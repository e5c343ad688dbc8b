import { join } from 'node:path';
import { createHost, type HostLimits, outcomeOf, type RunRequest } from '@pythond/runner';
import { describe, expect, it } from 'vitest';
import { eventually } from '../../support/eventually.ts';
import { fixtures, hostOptions, ours, PATIENCE_MS, run, startHost, startHostile } from './support.ts';

const soon: Partial<HostLimits> = { overdueMs: 200, killGraceMs: 50, leaseMarginMs: 100, stopGraceMs: 100 };

describe('a host that does not get ready', () => {
  it.each([
    ['dies_at_start', 'exited', 'exit code 3). It printed: I will not'],
    ['crashes_at_start', 'exited', 'SIGSEGV'],
    ['gives_up', 'fatal', 'I can not go on'],
    ['bomb_in_ready', 'frame', 'values'],
  ])('is reported: %s', async (kind, reason, message) => {
    const host = await startHostile(kind);
    await expect(host.ready).rejects.toMatchObject({
      code: `host-${reason}`,
      message: expect.stringContaining(message),
    });
    expect((await host.closed).reason).toBe(reason);
  });

  it('is killed when its imports take too long', async () => {
    const host = await startHostile('never_ready', { importMs: 300 });
    await expect(host.ready).rejects.toMatchObject({ code: 'host-import-timeout' });
  });

  it('is reported when it can’t be executed', async () => {
    const host = await startHost({ interpreter: { executable: '/no/such/python' } });
    await expect(host.ready).rejects.toMatchObject({ code: 'host-spawn' });
    expect(host.pid).toBeNull();
  });

  it('is reported when there is no place for its folder', async () => {
    const options = await hostOptions({ tmpDir: join(fixtures, 'no', 'such', 'folder') });
    expect(() => createHost(options)).toThrow(expect.objectContaining({ code: 'host-spawn' }));
  });
});

describe('a host that breaks the protocol is killed', () => {
  it.each([
    'zero_length',
    'length_2_31',
    'length_minus_1',
    'unknown_type',
    'frame_of_a_worker',
    'bad_utf8',
    'no_json',
    'a_line_of_json',
    'http',
  ])('with %s', async (frame) => {
    const host = await startHostile('raw_bytes', {}, { FRAME: frame });
    const { end } = await run(host, 'any');
    expect(outcomeOf(end)).toEqual({ kind: 'killed', reason: 'host' });
    expect(end.death?.reason).toBe('frame');
  });

  it.each([
    'forged_run',
    'forged_end',
    'ready_twice',
    'started_twice',
    'result_before_start',
    'output_unasked',
  ])('with %s', async (kind) => {
    const { end } = await run(await startHostile(kind), 'any');
    expect(outcomeOf(end)).toEqual({ kind: 'killed', reason: 'host' });
    expect(end.death?.reason).toBe('frame');
  });

  it.each(['result_after_end', 'two_ends'])('with %s, and the run that had ended has ended', async (kind) => {
    const host = await startHostile(kind);
    const { end } = await run(host, 'any');
    expect(end.cause).toBe('exited');
    expect((await host.closed).reason).toBe('frame');
  });

  it('by closing its connection', async () => {
    const { end } = await run(await startHostile('hangs_up'), 'any');
    expect(end.death?.reason).toBe('frame');
  });
});

describe('a host that does not act is killed', () => {
  const request: Partial<RunRequest> = { timeoutMs: 100, leaseMs: PATIENCE_MS };

  it('when it does not start a run', async () => {
    const host = await startHostile('never_starts', { ...soon, startMs: 300 });
    const { end } = await run(host, 'any', request);
    expect(end.death?.reason).toBe('silent');
    expect(outcomeOf(end)).toEqual({ kind: 'killed', reason: 'host' });
  });

  it('when it does not end a run at its time-out', async () => {
    const { end } = await run(await startHostile('never_ends', soon), 'any', request);
    expect(outcomeOf(end)).toEqual({ kind: 'timed-out' });
    expect(end.death?.reason).toBe('overdue');
  });

  it('when it does not end a run whose lease is over', async () => {
    const host = await startHostile('never_ends', soon);
    const { end } = await run(host, 'any', { timeoutMs: PATIENCE_MS, leaseMs: 300 });
    expect(outcomeOf(end)).toEqual({ kind: 'killed', reason: 'lease' });
  });

  it('when it does not end a run that is cancelled', async () => {
    const host = await startHostile('never_ends', soon);
    await host.ready;
    const handle = host.run({ collector: 'any', timeoutMs: PATIENCE_MS, leaseMs: PATIENCE_MS });
    handle.cancel(50, 'stopping');
    expect(outcomeOf(await handle.result)).toEqual({ kind: 'killed', reason: 'stopping' });
  });

  it('when it does not read', async () => {
    const host = await startHostile('never_reads');
    await host.ready;
    const handle = host.run({ collector: 'any', timeoutMs: PATIENCE_MS, leaseMs: PATIENCE_MS });
    while (host.state.kind === 'ready') handle.renew(PATIENCE_MS);
    expect((await handle.result).death?.reason).toBe('silent');
  });

  it('when it does not stop, with everything below it', async () => {
    const host = await startHostile('deaf_with_family', soon);
    await host.ready;
    await eventually('the host and four below it are there', () => ours().length === 5);
    expect((await host.stop()).reason).toBe('stopped');
    expect(ours()).toEqual([]);
  });
});

describe('a host that goes', () => {
  it('takes its runs with it', async () => {
    const { end } = await run(await startHostile('exits_in_run'), 'any');
    expect(outcomeOf(end)).toEqual({ kind: 'failed', reason: 'host' });
    expect(end.message).toContain('exit code 9');
    expect(end.message).toContain('out of here');
  });

  it('leaves no child, though these have other parents by then', async () => {
    const { end } = await run(await startHostile('leaves_a_family'), 'any');
    expect(end.death?.reason).toBe('exited');
    expect(ours()).toEqual([]);
  });
});
