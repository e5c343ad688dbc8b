import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { type CollectorId, type DeadLetter, type RunRecord, schedulerId, tickId } from '@pythond/jobs';
import { Ledger, sumOf } from '@pythond/ledger';
import { DeadLetters, Outbox } from '@pythond/outbox';
import type { RunningCli } from './cli.ts';
import { expectConserved, type LedgerSums, marksIn } from './conservation.ts';
import { eventually } from './eventually.ts';
import { type FaultProxy, startFaultProxy } from './fault-proxy.ts';
import { type FaultyDatakit, startFaultyDatakit } from './faulty-datakit.ts';
import { makeFleet, type TestFleet } from './fleet.ts';
import { block } from './home.ts';

/** What the collector is to report in its next run. */
export interface Orders {
  /** Points of each category, by the framework's own short names. */
  readonly points: Readonly<Record<string, number>>;
  /** Points carry this as tag `kind`. */
  readonly kind?: string;
  /** Their age; without it they bring no time of their own. */
  readonly ageSeconds?: number;
  /** So many reports, each of an input of its own, and so each a delivery of its own. */
  readonly reports?: number;
}

const COLLECTOR = 'emit/emit/emit:Emits' as CollectorId;

/** Nothing in these tests takes that long: a back-off may be a minute. */
const DRAIN_MS = 300_000;

/** It writes down every point before it reports it: its mark, and its time where it brings one. */
const python = (orders: string, account: string) => `
import json
import os
import time

from datakit_framework import DataKitFramework


class Emits(DataKitFramework):
    def run(self):
        with open(${JSON.stringify(orders)}) as source:
            orders = json.load(source)
        token = '%x' % time.time_ns()
        number = 0
        for nth in range(orders.get('reports', 1)):
            report = {'input': 'emit%d' % nth}
            account = []
            for category, count in orders['points'].items():
                report[category] = []
                for _ in range(count):
                    mark = 'pt-%s-%d' % (token, number)
                    number += 1
                    point = {
                        'measurement': 'emitted',
                        'tags': {'mark': mark, 'kind': orders.get('kind', 'plain')},
                        'fields': {'v': number, 'message': mark},
                    }
                    at = 0
                    if 'ageSeconds' in orders:
                        at = point['time'] = time.time_ns() - int(orders['ageSeconds'] * 1e9) + number
                    account.append('%s %d\\n' % (mark, at))
                    report[category].append(point)
            descriptor = os.open(${JSON.stringify(account)}, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
            os.write(descriptor, ''.join(account).encode())
            os.close(descriptor)
            self.report(report)
`;

/** A fleet whose only collector reports what it is told, to a DataKit behind a way that can go wrong. */
export class FaultFleet {
  readonly fleet: TestFleet;
  readonly way: FaultProxy;
  readonly datakit: FaultyDatakit;
  worker: RunningCli;
  readonly #account: string;

  constructor(parts: {
    readonly fleet: TestFleet;
    readonly way: FaultProxy;
    readonly datakit: FaultyDatakit;
    readonly worker: RunningCli;
    readonly account: string;
  }) {
    this.fleet = parts.fleet;
    this.way = parts.way;
    this.datakit = parts.datakit;
    this.worker = parts.worker;
    this.#account = parts.account;
  }

  /** One run, to its end. */
  async emit(orders: Orders): Promise<RunRecord> {
    await this.fleet.home.write({ 'orders.json': JSON.stringify(orders) });
    const id = tickId('manual', schedulerId(COLLECTOR), Date.now(), randomBytes(4).toString('hex'));
    await this.fleet.ticks.runOnce(id, COLLECTOR);
    const ended = async () => (await this.fleet.collectors.runs(COLLECTOR, 20)).find((run) => run.id === id);
    return eventually('the run to end', ended, DRAIN_MS);
  }

  /** The marks of all points that were ever reported, and their times in ns where they brought one. */
  async emitted(): Promise<Map<string, string | null>> {
    const lines = (await readFile(this.#account, 'utf8').catch(() => '')).split('\n').slice(0, -1);
    return new Map(
      lines.map((line) => {
        const [mark = '', time = '0'] = line.split(' ');
        return [mark, time === '0' ? null : time];
      }),
    );
  }

  async letters(): Promise<DeadLetter[]> {
    const dead = new DeadLetters(this.fleet.redis);
    const found: DeadLetter[] = [];
    for await (const { id } of dead.heads()) {
      const letter = await dead.get(id);
      if (letter) found.push(letter);
    }
    await dead.close();
    return found;
  }

  /** Points in the outbox. */
  async waiting(): Promise<number> {
    const outbox = new Outbox(this.fleet.redis);
    const { points } = await outbox.size();
    await outbox.close();
    return points;
  }

  /** Until the worker has seen, for either category, that the DataKit is well again: its circuits are closed. */
  async healthy(): Promise<void> {
    const isDelivered = async () => (await this.emit({ points: { M: 1, L: 1 } })).points.delivered === 2;
    await eventually('a run whose points are accepted at once', isDelivered, DRAIN_MS);
    await this.drained();
  }

  /** Until nothing waits any more. */
  async drained(): Promise<void> {
    await eventually('nothing to wait any more', async () => (await this.waiting()) === 0, DRAIN_MS);
  }

  /** Waits until nothing waits any more, and checks that no point of any test so far is lost, and each is as it was. */
  async conserved(): Promise<LedgerSums> {
    await this.drained();
    const emitted = await this.emitted();
    const { accepted } = this.datakit;
    for (const { point } of accepted.all()) {
      const time = emitted.get(point.tags['mark'] ?? '');
      if (time && time !== point.time) throw new Error(`${point.line} was reported with the time ${time}`);
    }
    return expectConserved({
      emitted: [...emitted.keys()],
      accepted: [accepted],
      dead: (await this.letters()).flatMap(({ body }) => [...new Set(marksIn(body))]),
      ledger: await this.#ledger(),
    });
  }

  async #ledger(): Promise<LedgerSums> {
    const sum = sumOf(await new Ledger(this.fleet.redis).of(COLLECTOR)); // not the fleet's own events
    return {
      emitted: sum.emitted,
      accepted: sum.accepted,
      dead: sum.dead + sum.late,
      waiting: sum.queued,
      dropped: sum.dropped + sum.purged + sum.lost,
    };
  }
}

export interface FaultFleetOptions {
  /** Of the worker and the normalizer. */
  readonly env?: Readonly<Record<string, string>>;
  /** The DataKit's clock, in milliseconds. */
  readonly now?: () => number;
}

/** Started, with a scheduler, a worker and a normalizer; all of it ends with `atEnd`. */
export async function makeFaultFleet(
  atEnd: (stop: () => Promise<void>) => void,
  { env = {}, now = Date.now }: FaultFleetOptions = {},
): Promise<FaultFleet> {
  const datakit = await startFaultyDatakit(null, { maxPoints: 1, now });
  atEnd(() => datakit.close());
  const way = await startFaultProxy({ port: datakit.port });
  atEnd(() => way.close());
  const fleet = await makeFleet({ datakit: way.url, atEnd });
  const at = (name: string) => path.join(fleet.home.dir, name);
  const account = at('account.txt');
  await fleet.home.write({
    // Without a sandbox, so that the collector can write its account, outside of all that is tested.
    'conf.d/emit.conf': block('emit', ['emit'], '  paused = true\n  sandbox = "none"'),
    'python.d/emit/emit.py': python(at('orders.json'), account),
  });
  const worker = await fleet.startWorker(env);
  fleet.start('normalizer', env);
  fleet.start('scheduler');
  await eventually('the collector', () => fleet.view(COLLECTOR));
  return new FaultFleet({ fleet, way, datakit, worker, account });
}
