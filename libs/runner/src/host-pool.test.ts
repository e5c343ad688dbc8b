import { unconfined } from '@pythond/sandbox';
import { describe, expect, it } from 'vitest';
import type { Catalogue } from './catalogue.ts';
import { HostDiedError } from './errors.ts';
import type { Host, HostOptions, HostState } from './host.ts';
import type { DeathReason, HostDeath } from './host-death.ts';
import type { HostSpec } from './host-key.ts';
import { HostLife } from './host-life.ts';
import { createHostPool } from './host-pool.ts';
import type { HostPoolOptions } from './host-pool-options.ts';

const catalogue = { collectors: [] } as unknown as Catalogue;

/** A host without a process: ready and gone when the test says so. */
class FakeHost implements Host {
  readonly #life = new HostLife(undefined);
  readonly pid = null;
  readonly runs = { total: 0, live: 0 };
  readonly bundleRoot: string;
  kb = 10_000;
  stops = 0;

  constructor({ bundleRoot }: HostOptions) {
    this.bundleRoot = bundleRoot;
  }
  get state(): HostState {
    return this.#life.state;
  }
  get ready(): Promise<Catalogue> {
    return this.#life.ready;
  }
  get closed(): Promise<HostDeath> {
    return this.#life.closed;
  }
  becomeReady(): void {
    this.#life.becomeReady(catalogue);
  }
  run(): never {
    throw new Error('runs nothing');
  }
  holdResults(): void {}

  residentKb(): number {
    return this.kb;
  }
  die(reason: DeathReason): void {
    const death = { reason, message: reason, exitCode: null, signal: null, stdout: '', stderr: '' };
    this.#life.die(death, () => {});
  }
  stop(): Promise<HostDeath> {
    this.stops++;
    if (this.state.kind !== 'dead') this.die('stopped');
    return this.closed;
  }
}

function pool(options: Partial<HostPoolOptions> = {}) {
  const hosts: FakeHost[] = [];
  const events: string[] = [];
  const made = createHostPool({
    maxHosts: 2,
    corePath: '/core',
    tmpDir: '/tmp',
    onEvent: (event) => void events.push(event.kind === 'retired' ? event.why : event.kind),
    createHost: (of) => {
      const host = new FakeHost(of);
      hosts.push(host);
      return host;
    },
    ...options,
  });
  const last = () => hosts[hosts.length - 1] as FakeHost;
  const ready = async (name: string) => {
    const acquiring = made.acquire(spec(name));
    await turn();
    if (last().state.kind === 'starting') last().becomeReady();
    return acquiring;
  };
  return { pool: made, hosts, events, last, ready };
}

function spec(name: string, environment: Record<string, string> = {}): HostSpec {
  return {
    interpreter: { executable: '/py' },
    environment,
    bundleRoot: name,
    modules: [],
    policy: unconfined(),
  };
}

const turn = () => new Promise((resolve) => setImmediate(resolve));

describe('createHostPool', () => {
  it('shares one start among those who ask for the same kind', async () => {
    const { pool: p, hosts, last } = pool();
    const asked = [p.acquire(spec('a')), p.acquire(spec('a')), p.acquire(spec('a'))];
    await turn();
    last().becomeReady();
    const leases = await Promise.all(asked);
    expect(hosts).toHaveLength(1);
    expect(new Set(leases.map(({ host }) => host)).size).toBe(1);
    expect(leases[0]?.catalogue).toBe(catalogue);
  });

  it('keeps kinds apart that differ in anything', async () => {
    const { pool: p, hosts } = pool({ maxHosts: 10 });
    const one = spec('a');
    const different: HostSpec[] = [
      one,
      spec('b'),
      spec('a', { X: '1' }),
      { ...one, interpreter: { executable: '/other' } },
      { ...one, policy: { ...unconfined(), network: false } },
      { ...one, modules: [{ name: 'm', file: 'm.py', root: '', dir: 'd' }] },
      { ...one, limits: { importMs: 1 } },
      { ...one, input: 'another' },
    ];
    for (const kind of [...different, ...different.map((kind) => ({ ...kind }))]) {
      p.acquire(kind).catch(() => {});
    }
    await turn();
    expect(hosts).toHaveLength(different.length);
    await p.stop(0);
  });

  it('stops the idle host that was used longest ago when there is no room', async () => {
    const { ready, hosts, events } = pool();
    (await ready('a')).release();
    (await ready('b')).release();
    (await ready('a')).release();
    await ready('c');
    expect(hosts.map(({ bundleRoot, state }) => [bundleRoot, state.kind])).toEqual([
      ['a', 'ready'],
      ['b', 'dead'],
      ['c', 'ready'],
    ]);
    expect(events).toContain('evicted');
  });

  it('stops idle hosts, those used longest ago first, when all together use too much memory', async () => {
    const { ready, hosts, events } = pool({ maxHosts: 10, maxMemoryBytes: 35_000 * 1024 }); // a host uses 10,000 KiB
    for (const name of ['a', 'b', 'c']) (await ready(name)).release();
    expect(events).not.toContain('evicted');
    const lent = await ready('a');
    (await ready('d')).release();
    const alive = () => hosts.filter(({ state }) => state.kind === 'ready').map((host) => host.bundleRoot);
    expect(alive()).toEqual(['a', 'c', 'd']); // one that is lent stays, however long ago that was
    lent.release();
    expect(alive()).toEqual(['a', 'c', 'd']);
  });

  it('waits for room while every host is lent, first come first served', async () => {
    const { pool: p, ready, hosts, last } = pool({ maxHosts: 1 });
    const first = await ready('a');
    const second = p.acquire(spec('b'));
    const third = p.acquire(spec('c'));
    await turn();
    expect(p.stats()).toEqual({ starting: 0, busy: 1, idle: 0, stopping: 0, waiting: 2 });
    first.release();
    await turn();
    expect(last().bundleRoot).toBe('b');
    last().becomeReady();
    (await second).release();
    await turn();
    last().becomeReady();
    expect((await third).host).toBe(last());
    expect(hosts.map(({ bundleRoot }) => bundleRoot)).toEqual(['a', 'b', 'c']);
  });

  it('starts nothing for whoever gave up waiting', async () => {
    const { pool: p, ready, hosts } = pool({ maxHosts: 1 });
    const first = await ready('a');
    const gaveUp = new AbortController();
    const waiting = p.acquire(spec('b'), { signal: gaveUp.signal });
    await turn();
    gaveUp.abort(new Error('enough'));
    await expect(waiting).rejects.toThrow('enough');
    first.release();
    await turn();
    expect(hosts).toHaveLength(1);
    expect(p.stats().waiting).toBe(0);
  });

  it('backs off when a host died, and says why', async () => {
    const { pool: p, ready, last, hosts } = pool({ random: () => 0.999 });
    const lease = await ready('a');
    last().die('frame');
    lease.release();
    await turn();
    await expect(p.acquire(spec('a'), { waitMs: 0 })).rejects.toMatchObject({
      code: 'host-unavailable',
      retryAfterMs: expect.closeTo(450, -2),
      cause: { code: 'host-frame' },
    });
    expect(hosts).toHaveLength(1);
  });

  it('waits a short back-off out', async () => {
    const { pool: p, ready, last, hosts } = pool({ random: () => 0.01 });
    const lease = await ready('a');
    last().die('exited');
    lease.release();
    const again = p.acquire(spec('a'), { waitMs: 1_000 });
    await expect.poll(() => hosts.length).toBe(2);
    last().becomeReady();
    expect((await again).host).toBe(last());
  });

  it('passes on why a host did not get ready', async () => {
    const { pool: p, last } = pool();
    const acquiring = p.acquire(spec('a'));
    await turn();
    last().die('import-timeout');
    await expect(acquiring).rejects.toBeInstanceOf(HostDiedError);
  });

  it('lends no host that is dying, but the next one', async () => {
    const { pool: p, ready, hosts, last } = pool({ random: () => 0 });
    const lease = await ready('a');
    void (lease.host as FakeHost).stop();
    const next = p.acquire(spec('a'));
    await turn();
    last().becomeReady();
    expect((await next).host).toBe(hosts[1]);
  });

  it('replaces a host that ran often enough once it is idle', async () => {
    const { ready, hosts, events } = pool({ recycle: { runs: 3 } });
    const lease = await ready('a');
    const other = await ready('a');
    Object.assign(lease.host.runs, { total: 3 });
    lease.release();
    expect(hosts[0]?.stops).toBe(0);
    other.release();
    expect(hosts[0]?.stops).toBe(1);
    expect(events).toContain('worn');
    await ready('a');
    expect(hosts).toHaveLength(2);
  });

  it('lends a host that is never idle no more when it is twice as worn', async () => {
    const { pool: p, ready, hosts, last } = pool({ recycle: { runs: 3 } });
    const lease = await ready('a');
    const other = await ready('a');
    Object.assign(lease.host.runs, { total: 6 });
    lease.release();
    const next = p.acquire(spec('a'));
    await turn();
    expect(hosts).toHaveLength(2);
    last().becomeReady();
    expect((await next).host).toBe(hosts[1]);
    expect(hosts[0]?.stops).toBe(0);
    other.release();
    expect(hosts[0]?.stops).toBe(1);
  });

  it('replaces a host that has grown', async () => {
    const { ready, hosts } = pool({ recycle: { growthKb: 1_000 } });
    const lease = await ready('a');
    (lease.host as FakeHost).kb += 1_001;
    lease.release();
    expect(hosts[0]?.stops).toBe(1);
  });

  it('takes back a lease once', async () => {
    const { pool: p, ready } = pool();
    const lease = await ready('a');
    const other = await ready('a');
    lease.release();
    lease.release();
    expect(p.stats().busy).toBe(1);
    other.release();
    expect(p.stats()).toMatchObject({ busy: 0, idle: 1 });
  });

  it('stops when what is lent is back, and lends nothing any more', async () => {
    const { pool: p, ready, hosts } = pool();
    const lease = await ready('a');
    (await ready('b')).release();
    const stopping = p.stop(60_000);
    await expect(p.acquire(spec('c'))).rejects.toMatchObject({ code: 'host-pool-stopped' });
    expect(hosts.map(({ state }) => state.kind)).toEqual(['ready', 'dead']);
    lease.release();
    await stopping;
    expect(hosts.map(({ state }) => state.kind)).toEqual(['dead', 'dead']);
    await p.stop();
  });

  it('stops what is not given back in time, and whoever waits', async () => {
    const { pool: p, ready, hosts } = pool({ maxHosts: 1 });
    await ready('a');
    const waiting = p.acquire(spec('b'));
    await turn();
    const refused = expect(waiting).rejects.toMatchObject({ code: 'host-pool-stopped' });
    await p.stop(1);
    await refused;
    expect(hosts.map(({ state }) => state.kind)).toEqual(['dead']);
  });
});
