import { type CollectorId, schedulerId, tickId } from '@pythond/jobs';
import { Ledger, type LedgerCounts, ledgerKeys, noPoints, sumOf, unaccounted } from '@pythond/ledger';
import { DeadLetters, letterOf, Outbox } from '@pythond/outbox';
import { keys, Leases } from '@pythond/registry';
import { describe, expect, it, type TestContext } from 'vitest';
import type { RunningCli } from '../support/cli.ts';
import { expectConserved, marksIn } from '../support/conservation.ts';
import { replies } from '../support/datakit-replies.ts';
import { eventually } from '../support/eventually.ts';
import { type FaultProxy, type ProxyFault, startFaultProxy } from '../support/fault-proxy.ts';
import { type FaultyDatakit, startFaultyDatakit } from '../support/faulty-datakit.ts';
import { makeFleet, type TestFleet } from '../support/fleet.ts';
import { block } from '../support/home.ts';
import { type KnownProcess, treeOf, untilGone } from '../support/processes.ts';
import { successOf } from '../support/quick-worker.ts';

/** `npm run test:chaos` plays each of them 5 times. */
const options = { timeout: 600_000, repeats: Number(process.env['PYTHOND_CHAOS_REPEATS'] ?? 0) };

/** A killed process's lock has to run out first; many fleets share this machine. */
const PATIENCE_MS = 300_000;

const id = 'marks/marks/marks:Marks' as CollectorId;
/** Metrics of one tick: a second run of it has to report the very same. */
const reporter = `
from datakit_framework import DataKitFramework


class Marks(DataKitFramework):
    def run(self):
        self.report({
            'M': [{'measurement': 'marked', 'tags': {'mark': 'pt-k-%d' % n}, 'fields': {'v': n}} for n in (1, 2, 3)],
            'input': 'marks',
        })
`;
const marks = ['pt-k-1', 'pt-k-2', 'pt-k-3'];
const isSecond = ({ lines }: { readonly lines: readonly string[] }) =>
  lines.some((line) => line.includes('pt-k-2'));
/** What waits for Redis must not reach it, or must reach it without an answer. */
const lost: ProxyFault = { kind: 'black-hole' };
const unanswered: ProxyFault = { kind: 'no-answer' };

/**
 * A process that dies between two steps leaves points that were accepted and not counted, or counted and not sent, or
 * that will be reported once more. However that is: none is lost, copies are alike, and the ledger's sum is exact.
 */
describe.concurrent('F25: a worker that is killed', () => {
  it('when it has taken a job, before it has claimed the tick', options, async (test) => {
    const scene = await Scene.open(test);
    scene.onClaim(lost);
    await scene.tick();
    await scene.swallowed(scene.job);
    await scene.kill();
    expect(await scene.fleet.holder(id)).toBeNull();
    await scene.recovered({ emitted: 3, accepted: 3 });
    expect(scene.datakit.accepted.total).toBe(3);
  });

  it('when the tick is claimed, before it runs', options, async (test) => {
    const scene = await Scene.open(test);
    scene.onClaim(unanswered);
    await scene.tick();
    await eventually('the claim', async () => (await scene.fleet.holder(id))?.job === scene.job);
    await scene.kill();
    await scene.recovered({ emitted: 3, accepted: 3 });
    expect(scene.datakit.accepted.total).toBe(3);
  });

  it('when its run is recorded, before the job is done', options, async (test) => {
    const scene = await Scene.open(test);
    scene.onWrite(unanswered, null);
    await scene.tick();
    await scene.run();
    await scene.kill();
    await scene.recovered({ emitted: 3, accepted: 3 });
    expect(scene.datakit.accepted.total).toBe(3); // it did not run again
  });

  it('before its points reach DataKit', options, async (test) => {
    const nobody = await startFaultyDatakit(); // nothing gets there
    test.onTestFinished(() => nobody.close());
    const way = await startFaultProxy({ port: nobody.port });
    test.onTestFinished(() => way.close());
    await way.goWrong({ kind: 'black-hole' });
    const scene = await Scene.open(test, { DATAKIT_URL: way.url });
    await scene.tick();
    await eventually('the worker to try', () => way.swallowed.includes('/v1/write/metric'));
    await scene.kill();
    await scene.recovered({ emitted: 3, accepted: 3 });
  });

  it('while DataKit takes its points', options, async (test) => {
    const scene = await Scene.open(test);
    scene.datakit.goWrong(() => {
      scene.killNow();
      return null;
    });
    await scene.tick();
    await scene.dead();
    await scene.recovered({ emitted: 3, accepted: 3 });
  });

  it('after DataKit accepted, before the run is recorded', options, async (test) => {
    const scene = await Scene.open(test);
    scene.onWrite(lost, null);
    await scene.tick();
    await scene.swallowed('succeeded');
    expect(scene.datakit.accepted.total).toBe(3);
    await scene.kill();
    await scene.recovered({ emitted: 3, accepted: 3 });
    expect(scene.datakit.accepted.total).toBe(6);
  });

  it('before its points are in the outbox', options, async (test) => {
    const scene = await Scene.open(test);
    scene.onWrite(lost, replies.failed(500));
    await scene.tick();
    await scene.swallowed('pt-k-1');
    await scene.kill();
    await scene.recovered({ emitted: 3, accepted: 3 });
  });

  it('when its points are in the outbox, before it knows', options, async (test) => {
    const scene = await Scene.open(test);
    scene.onWrite(unanswered, replies.failed(500));
    await scene.tick();
    await eventually('the points to wait', async () => (await scene.outbox.size()).points === 3);
    await scene.kill();
    await scene.recovered({ emitted: 6, accepted: 6 }); // both runs reported, both were delivered
  });

  it('before its dead letter is written', options, async (test) => {
    const scene = await Scene.open(test);
    scene.onWrite(lost, replies.rejected, isSecond);
    await scene.tick();
    await scene.swallowed('pt-k-2');
    await scene.kill();
    await scene.recovered({ emitted: 3, accepted: 2, dead: 1 });
  });

  it('when its dead letter is written, before it knows', options, async (test) => {
    const scene = await Scene.open(test);
    scene.onWrite(unanswered, replies.rejected, isSecond);
    await scene.tick();
    await eventually('the letter', async () => (await scene.letters.count()) === 1);
    await scene.kill();
    // the first run's letter is counted, its accepted points are not; the second finds the letter there
    await scene.recovered({ emitted: 3, accepted: 2, dead: 1 });
  });
});

describe.concurrent('a normalizer that is killed', () => {
  it('before its points reach DataKit', options, async (test) => {
    const datakit = await startFaultyDatakit();
    test.onTestFinished(() => datakit.close());
    const way = await startFaultProxy({ port: datakit.port });
    test.onTestFinished(() => way.close());
    const scene = await Scene.waiting(test, { DATAKIT_URL: way.url }, datakit);
    await way.goWrong({ kind: 'black-hole' });
    await scene.startNormalizer();
    await eventually('the normalizer to try', () => way.swallowed.includes('/v1/write/metric'));
    await scene.kill();
    await way.goWrong(null);
    await scene.recovered({ emitted: 3, accepted: 3 });
    expect(datakit.accepted.total).toBe(3);
  });

  it('while DataKit takes its points', options, async (test) => {
    const scene = await Scene.waiting(test);
    scene.datakit.goWrong(() => {
      scene.killNow();
      return null;
    });
    await scene.startNormalizer();
    await scene.dead();
    await scene.recovered({ emitted: 3, accepted: 3 });
  });

  it('after DataKit accepted, before that is written', options, async (test) => {
    const scene = await Scene.waiting(test);
    scene.onWrite(lost, null);
    await scene.startNormalizer();
    await scene.swallowed(id); // the shares that were accepted
    await scene.kill();
    expect((await scene.outbox.size()).points).toBe(3);
    await scene.recovered({ emitted: 3, accepted: 3 });
    expect(scene.datakit.accepted.total).toBe(6);
  });

  it('when that is written, before the job is done', options, async (test) => {
    const scene = await Scene.waiting(test);
    scene.onWrite(unanswered, null);
    await scene.startNormalizer();
    await eventually('nothing to wait', async () => (await scene.outbox.size()).points === 0);
    await scene.kill();
    await scene.recovered({ emitted: 3, accepted: 3 });
    expect(scene.datakit.accepted.total).toBe(3);
  });

  it('before its dead letter is written', options, async (test) => {
    const scene = await Scene.waiting(test);
    scene.onWrite(lost, replies.rejected, isSecond);
    await scene.startNormalizer();
    await scene.swallowed('pt-k-2');
    await scene.kill();
    await scene.recovered({ emitted: 3, accepted: 2, dead: 1 });
  });

  it('when its dead letter is written, before the job is done', options, async (test) => {
    const scene = await Scene.waiting(test);
    scene.onWrite(unanswered, replies.rejected, isSecond);
    await scene.startNormalizer();
    await eventually('the letter', async () => (await scene.letters.count()) === 1);
    await scene.kill();
    await scene.recovered({ emitted: 3, accepted: 2, dead: 1 });
  });

  it('while a dead letter is replayed', options, async (test) => {
    const scene = await Scene.open(test);
    scene.datakit.goWrong((write) => (isSecond(write) ? replies.rejected : null));
    await scene.tick();
    await scene.run();
    await scene.kill();
    for await (const letter of scene.letters.heads())
      await scene.letters.replay(letter.id, { nowMs: Date.now() });
    scene.onWrite(lost, null);
    await scene.startNormalizer();
    await scene.swallowed(id);
    await scene.kill();
    await scene.recovered({ emitted: 3, accepted: 3 });
  });
});

/** A fleet of which one process reaches Redis through a proxy, and is killed. */
class Scene {
  readonly fleet: TestFleet;
  readonly datakit: FaultyDatakit;
  readonly outbox: Outbox;
  readonly letters: DeadLetters;
  readonly #redis: FaultProxy;
  #app: RunningCli | undefined;
  #dueMs = 0;
  /** What the process had started, and itself, when it was killed. */
  #below: readonly KnownProcess[] = [];

  private constructor(fleet: TestFleet, datakit: FaultyDatakit, redis: FaultProxy) {
    this.fleet = fleet;
    this.datakit = datakit;
    this.outbox = new Outbox(fleet.redis);
    this.letters = new DeadLetters(fleet.redis);
    this.#redis = redis;
  }

  /** With a worker that is to be killed. */
  static async open(
    test: TestContext,
    env: Readonly<Record<string, string>> = {},
    given?: FaultyDatakit,
  ): Promise<Scene> {
    const datakit = given ?? (await startFaultyDatakit());
    if (!given) test.onTestFinished(() => datakit.close());
    const fleet = await makeFleet({ datakit: datakit.url, atEnd: test.onTestFinished });
    const redis = await startFaultProxy({ path: fleet.redisPath });
    test.onTestFinished(() => redis.close());
    const scene = new Scene(fleet, datakit, redis);
    test.onTestFinished(async () => {
      await scene.outbox.close();
      await scene.letters.close();
    });
    await fleet.home.write({
      'conf.d/marks.conf': block('marks', ['marks'], '  paused = true\n'),
      'python.d/marks/marks.py': reporter,
    });
    const scheduler = fleet.start('scheduler');
    await scene.#start('worker', env);
    await eventually('the collector', () => fleet.view(id));
    await scheduler.stop('SIGTERM');
    await scene.#teachScripts();
    return scene;
  }

  /** With a run's three points in the outbox, and no worker. */
  static async waiting(
    test: TestContext,
    env: Readonly<Record<string, string>> = {},
    datakit?: FaultyDatakit,
  ): Promise<Scene> {
    const scene = await Scene.open(test, env, datakit);
    scene.datakit.goWrong(() => replies.failed(500));
    await scene.tick();
    await scene.run();
    await scene.kill();
    scene.datakit.goWrong(null);
    expect((await scene.outbox.size()).points).toBe(3);
    return scene;
  }

  /** After the worker is gone: the process that is to be killed. */
  async startNormalizer(): Promise<void> {
    await this.#start('normalizer');
  }

  async #start(app: 'worker' | 'normalizer', env: Readonly<Record<string, string>> = {}): Promise<void> {
    await this.#redis.goWrong(null);
    const through = { REDIS_URL: `redis://127.0.0.1:${this.#redis.port}`, ...env };
    if (app === 'worker') this.#app = await this.fleet.startWorker(through);
    else this.#app = this.fleet.start(app, through);
  }

  async tick(): Promise<void> {
    await this.fleet.ticks.runOnce(this.job, id);
  }

  /** The id of the tick's job. */
  get job(): string {
    this.#dueMs ||= Date.now();
    return tickId('manual', schedulerId(id), this.#dueMs);
  }

  /** Redis goes wrong for the process with the first thing that it says about the tick's job: its claim. */
  onClaim(fault: ProxyFault): void {
    this.#redis.goWrongAt(this.job, fault);
  }

  /** Once DataKit gets a write (that `which` fits), it answers so, and Redis goes wrong for the process. */
  onWrite(
    fault: ProxyFault,
    reply: (typeof replies)['rejected'] | null,
    which: (write: { readonly lines: readonly string[] }) => boolean = () => true,
  ): void {
    this.datakit.goWrong((write) => {
      if (!which(write)) return null;
      // a batch that holds a bad point is bisected first: it is the refusal of that point alone that counts
      if (reply !== replies.rejected || write.lines.length === 1) void this.#redis.goWrong(fault);
      return reply;
    });
  }

  async swallowed(text: string): Promise<void> {
    await eventually(`${text} on its way to Redis`, () => this.#redis.swallowed.includes(text));
  }

  killNow(): void {
    this.#below = this.#app ? treeOf(this.#app.pid) : [];
    this.#app?.process.kill('SIGKILL');
  }

  async kill(): Promise<void> {
    this.killNow();
    await this.dead();
  }

  async dead(): Promise<void> {
    await this.#app?.ended;
    await untilGone(this.#below);
  }

  /** The record of the tick's run. */
  async run(): Promise<void> {
    await eventually(
      'the run to be recorded',
      async () => (await this.fleet.runs(id)).find(({ dueMs }) => dueMs === this.#dueMs),
      PATIENCE_MS,
    );
  }

  /** With a new worker and a new normalizer all comes to rest, and adds up. */
  async recovered(wanted: Partial<LedgerCounts>): Promise<void> {
    const isStillRefused = (wanted.dead ?? 0) > 0;
    this.datakit.goWrong((write) => (isStillRefused && isSecond(write) ? replies.rejected : null));
    await this.fleet.startWorker();
    this.fleet.start('normalizer');
    await this.run();
    await eventually(
      'the ledger to be at rest',
      async () => {
        const counts = await this.#counts();
        return counts.queued === 0 && unaccounted(counts) === 0;
      },
      PATIENCE_MS,
    );
    expectConserved({ emitted: marks, accepted: [this.datakit.accepted], dead: await this.#deadMarks() });
    expect(await this.#counts()).toEqual({ ...noPoints(), ...wanted });
  }

  /** Redis knows every script by its digest from now on: else the first call of one is answered with a question. */
  async #teachScripts(): Promise<void> {
    const destination = { endpoint: 'http://taught', category: 'metric', query: [] };
    const origins = [{ collector: 'taught', run: 'r', dueMs: 0, points: 1 }];
    const delivery = {
      id: 'taught',
      destination,
      points: ['m v=1'],
      origins,
      sinceMs: 0,
      tries: 0,
      reason: '',
    };
    await this.outbox.wait(delivery, 0);
    const loaded = await this.outbox.load('taught');
    if (!loaded) throw new Error('the delivery is not there');
    await this.outbox.settle(loaded, { accepted: origins, letters: [], left: null });
    const death = { code: 'taught', message: '', answer: null, attempts: 0, deadMs: 0 };
    await this.outbox.bury([letterOf(delivery, delivery.points, origins, death)]);
    for await (const { id: letter } of this.letters.heads()) await this.letters.remove([letter], 'purged');
    const leases = new Leases(this.fleet.redis);
    const taught = { scheduler: 'taught', kind: 'manual', dueMs: 0 } as const;
    await leases.claim({ ...taught, jobId: 'taught', worker: 'taught', knownVersion: '' });
    const record = successOf({ ...taught, id: 'taught', collector: id });
    await leases.release({ ...taught, lease: 'taught', record, output: null });
    await this.fleet.redis.del(
      ...[ledgerKeys.collectors, ledgerKeys.collector('taught'), keys.collector('taught')],
    );
  }

  async #counts(): Promise<LedgerCounts> {
    return sumOf(await new Ledger(this.fleet.redis).of(id)); // not the fleet's own events
  }

  async #deadMarks(): Promise<string[]> {
    const found: string[] = [];
    for await (const head of this.letters.heads())
      found.push(...marksIn((await this.letters.get(head.id))?.body ?? ''));
    return found;
  }
}
