import { type CollectorId, schedulerId } from '@pythond/jobs';
import type { LatePolicy } from '@pythond/points';
import { LEASE_MS, type Residents, type WantedResident } from '@pythond/registry';
import {
  type CancelReason,
  causeOf,
  createHost,
  defaultHostLimits,
  type Host,
  type LastError,
  type Loaded,
  outcomeOf,
  type PassBegan,
  type PassEnded,
  type Report,
  type RunEnd,
  type RunHandle,
} from '@pythond/runner';
import type { Logger } from '@pythond/telemetry';
import type { WorkerEvent } from './events.ts';
import type { InputSupply, OpenInput } from './input-supply.ts';
import type { LastErrors } from './last-errors.ts';
import type { LeaseKeeper } from './lease-keeper.ts';
import type { Outlet } from './outlet.ts';
import { PendingPoints } from './pending-points.ts';
import { RecordWriter } from './record-writer.ts';
import { ResidentCollector, type Taken } from './resident-collector.ts';
import { type PassCut, passOutput, passRecord } from './resident-record.ts';
import { unavailableRecord } from './run-record.ts';

export interface ResidentLifeDeps {
  readonly worker: string;
  /** What the worker gives; a block may ask for less. */
  readonly sandbox: 'strict' | 'none';
  readonly residents: Pick<Residents, 'passGoesOn' | 'passEnded' | 'going'>;
  readonly keeper: LeaseKeeper;
  readonly inputs: InputSupply;
  readonly outlet: Outlet;
  readonly lastErrors: Pick<LastErrors, 'ofScript' | 'ofRun'>;
  /** What becomes of metrics that are late already. */
  readonly late: LatePolicy;
  readonly corePath: string;
  readonly tmpDir: string;
  readonly ownDatakit: () => string;
  readonly emit: (event: WorkerEvent) => void;
  readonly log: Logger;
}

/** Why a resident is ended though nothing is wrong with it. `lost`: another worker may have it. */
export type ResidentEndReason = 'stopping' | 'changed' | 'paused' | 'unwanted' | 'lost';

/** `crashed`: its process ended without being asked to, or could not be started; `upMs` is how long it was up. */
export type LifeEnd =
  | { readonly kind: 'asked' }
  | { readonly kind: 'crashed'; readonly cause: string; readonly upMs: number };

/** Ten years: a resident has no time-out. */
const FOR_EVER_MS = 10 * 365 * 24 * 3600 * 1000;
const TERM_GRACE_MS = 1_000;
/** Longer ones fire at once. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;
const SHOW_EVERY_MS = 2_000;
/** A call that is shorter is told when it is over. */
const SHOWN_FROM_MS = 1_000;
/** Of `set_lasterror`, between two looks. */
const MAX_LAST_ERRORS = 20;
/** How long its leases are held at most after its process, for points on their way and the last records. */
const SETTLE_MS = 20_000;

const endTexts: Readonly<Record<ResidentEndReason, string>> = {
  stopping: 'killed: its worker is stopping, and another takes it over',
  changed: 'killed: a new version of its input takes its place',
  paused: 'killed: an operator paused it, or paused or resumed another collector of its process',
  unwanted: 'killed: it is paused, or no longer configured',
  lost: 'killed: the worker could not renew its lease, so another worker may run it',
};

/**
 * One process of a resident, from its start to its end, and the records of what its collectors did in it.
 *
 * It is *starting* until its modules are imported, *serving* until its process ends or it is asked to end, then
 * *settling*: every point that it reported becomes accepted, queued or a dead letter.
 */
export class ResidentLife {
  readonly #deps: ResidentLifeDeps;
  readonly #wanted: WantedResident;
  readonly #lease: string;
  readonly #collectors = new Map<string, ResidentCollector>();
  readonly #pending: PendingPoints;
  readonly #records: RecordWriter;
  #handle: RunHandle | undefined;
  #host: Host | undefined;
  #endReason: ResidentEndReason | null = null;
  /** The DataKit that its input names. */
  #inputDatakit: string | null = null;
  #tooLong = false;
  /** Fires when the signature of its record ends. */
  #signatureEnd: NodeJS.Timeout | undefined;
  /** Why its record may be acted on no longer. */
  #unsigned: string | null = null;
  #loaded = false;
  /** Why the first of those could not be built that could not. */
  #unbuilt: string | null = null;
  /** Said by its scripts since the last look at it. */
  #lastErrors = 0;

  constructor(wanted: WantedResident, lease: string, deps: ResidentLifeDeps) {
    this.#deps = deps;
    this.#wanted = wanted;
    this.#lease = lease;
    this.#records = new RecordWriter(deps.log);
    this.#pending = new PendingPoints(deps.outlet, (hold) => this.#hold(hold));
  }

  /** Resolves when nothing of it is alive and everything it reported is safe; until then its leases are held. */
  async run(): Promise<LifeEnd> {
    const release = this.#holdLeases();
    try {
      return await this.#live();
    } finally {
      clearTimeout(this.#signatureEnd);
      for (const letGo of release) letGo();
    }
  }

  async #live(): Promise<LifeEnd> {
    const startedMs = performance.now();
    await this.#buryPredecessor();
    let end: RunEnd;
    try {
      const { plan } = this.#wanted;
      const input = await this.#deps.inputs.open(plan.input, plan.number, 'resident');
      this.#inputDatakit = input.record.datakit;
      this.#makeCollectors(input);
      this.#watchSignature(input);
      end = await this.#serve(input);
    } catch (error) {
      return this.#couldNotStart(error);
    }
    const upMs = performance.now() - startedMs;
    if (this.#endReason) {
      const { outcome } = cutOf(end, this.#endReason);
      this.#cutAll({ outcome, hint: endTexts[this.#endReason] }, false);
      await this.#records.settled(SETTLE_MS);
      return { kind: 'asked' };
    }
    const cause = this.#causeOf(end);
    const outcome = outcomeOf(end);
    // a process that had nothing to run has told why already
    if (outcome.kind !== 'succeeded') this.#cutAll({ outcome, hint: cause }, true);
    await this.#records.settled(SETTLE_MS);
    return { kind: 'crashed', cause, upMs };
  }

  /** May be called at any time; the first reason stays. */
  end(reason: ResidentEndReason): void {
    if (this.#endReason) return;
    this.#endReason = reason;
    this.#cancel(reason === 'lost' ? 0 : TERM_GRACE_MS, reason === 'stopping' ? 'stopping' : 'cancelled');
  }

  #cancel(graceMs: number, reason: CancelReason): void {
    this.#host?.holdResults(false); // or its end would not be heard
    if (this.#handle) this.#handle.cancel(graceMs, reason);
    else void this.#host?.stop();
  }

  #makeCollectors(input: OpenInput): void {
    const { worker, late, ownDatakit } = this.#deps;
    const sandbox = input.spec.policy.level;
    for (const record of this.#wanted.plan.collectors) {
      const options = { record, input, outlet: this.#pending, late, ownDatakit, facts: { worker, sandbox } };
      this.#collectors.set(record.key, new ResidentCollector(options));
    }
  }

  async #serve(input: OpenInput): Promise<RunEnd> {
    const { corePath, tmpDir } = this.#deps;
    const limits = { resultBytes: Number.MAX_SAFE_INTEGER };
    const host = createHost({ ...input.spec, resident: true, limits, corePath, tmpDir });
    this.#host = host;
    const showing = setInterval(() => this.#show(), SHOW_EVERY_MS);
    const importing = setTimeout(() => this.#giveUpImporting(), defaultHostLimits.importMs);
    try {
      if (this.#endReason) void host.stop();
      await host.ready;
      this.#handle = this.#start(host);
      if (this.#endReason) this.#cancel(0, 'cancelled');
      return await this.#handle.result;
    } finally {
      clearTimeout(importing);
      clearInterval(showing);
      await host.stop();
    }
  }

  #start(host: Host): RunHandle {
    const { input: key, collectors } = this.#wanted.plan;
    return host.run({
      collector: key,
      timeoutMs: FOR_EVER_MS,
      leaseMs: LEASE_MS,
      carriesState: false,
      resident: {
        collectors: collectors.map((one) => ({
          ...{ collector: one.key, everyMs: one.everyMs, offsetMs: one.offsetMs },
        })),
        onLoaded: (loaded) => this.#onLoaded(loaded),
        onPassBegan: (began) => this.#onBegan(began),
        onPassEnded: (passEnded) => this.#onEnded(passEnded),
        onWarning: (warning, key) => this.#of(key)?.warn(warning),
        onLastError: (error) => this.#tellLastError(error),
      },
      onReport: (report: Report) => this.#of(report.collector ?? null)?.report(report),
      onOutput: (stream, bytes) => {
        for (const collector of this.#collectors.values()) collector.print(stream, bytes);
      },
    });
  }

  /** The leases of all its collectors are renewed together: the first tells for all. */
  #holdLeases(): (() => void)[] {
    return this.#wanted.plan.collectors.map(({ id }, index) =>
      this.#deps.keeper.hold({
        scheduler: schedulerId(id),
        lease: this.#lease,
        ofResident: true,
        onRenewed: (leaseMs) => {
          if (index === 0) this.#handle?.renew(leaseMs);
        },
        onLost: () => this.end('lost'),
      }),
    );
  }

  #of(key: string | null): ResidentCollector | undefined {
    const [first] = this.#collectors.values();
    return (key === null ? undefined : this.#collectors.get(key)) ?? first;
  }

  /** Some of them a while at most: nothing else bounds what a loop of a script says. */
  #tellLastError(error: LastError): void {
    this.#lastErrors += 1;
    if (this.#lastErrors > MAX_LAST_ERRORS) return;
    this.#deps.lastErrors.ofScript(this.#datakit, [error]);
  }

  get #datakit(): string {
    return this.#inputDatakit ?? this.#deps.ownDatakit();
  }

  #hold(hold: boolean): void {
    if (!this.#endReason) this.#host?.holdResults(hold);
  }

  #watchSignature({ seal }: OpenInput): void {
    if (!seal) return;
    const leftMs = Math.max(0, seal.endsMs - Date.now());
    this.#signatureEnd = setTimeout(() => void this.#lookAtSignature(), Math.min(leftMs, LONGEST_TIMER_MS));
  }

  /** It goes on when the signature was renewed, as it is long before it ends. */
  async #lookAtSignature(): Promise<void> {
    const { input, number } = this.#wanted.plan;
    try {
      this.#watchSignature(await this.#deps.inputs.open(input, number, 'resident'));
    } catch (error) {
      this.#unsigned = error instanceof Error ? error.message : String(error);
      this.#cancel(TERM_GRACE_MS, 'cancelled');
    }
  }

  #giveUpImporting(): void {
    if (this.#loaded) return;
    this.#tooLong = true;
    this.#cancel(0, 'cancelled');
  }

  #onLoaded({ collectors, failures }: Loaded): void {
    this.#loaded = true;
    const found = new Set(collectors);
    for (const [key, collector] of this.#collectors) {
      if (found.has(key)) continue;
      const { dir, module, class: name } = partsOf(collector);
      const failure =
        failures.find((one) => one.dir === dir && one.module === module && one.class === name) ??
        failures.find((one) => one.dir === dir && one.module === module) ??
        failures[0];
      const hint = failure
        ? [`${failure.type}: ${failure.message}`, ...(failure.hint ? [failure.hint] : [])].join('; ')
        : 'its class is not in its module';
      this.#unbuilt ??= hint;
      this.#end(collector.take(null), { outcome: { kind: 'failed', reason: 'unavailable' }, hint }, failure);
    }
  }

  #onBegan(began: PassBegan): void {
    const collector = this.#collectors.get(began.collector);
    if (!collector || collector.began) return;
    collector.begin(began);
    const record = collector.goingOn();
    if (!record) return;
    const { offsetMs } = collector.record;
    const start = { lease: this.#lease, kind: began.kind, offsetMs, record, points: [] };
    this.#records.add(() => this.#deps.residents.passGoesOn(start));
  }

  #onEnded(passEnded: PassEnded): void {
    const collector = this.#collectors.get(passEnded.collector);
    if (collector?.began?.pass === passEnded.pass) this.#end(collector.take(passEnded), null);
  }

  /** Calls that go on for longer are shown with what they have done so far. */
  #show(): void {
    this.#lastErrors = 0;
    for (const collector of this.#collectors.values()) {
      const record = collector.goingOn();
      if (!record || record.phases.runMs < SHOWN_FROM_MS) continue;
      const { offsetMs } = collector.record;
      const pass = collector.began?.pass;
      let untold: ReturnType<ResidentCollector['untold']> | undefined;
      this.#records.add(async () => {
        if (collector.began?.pass !== pass && !untold) return; // it has ended meanwhile, and its record is written next
        untold ??= collector.untold(); // of a call that is made again, the same
        const { points, told } = untold;
        const start = { lease: this.#lease, kind: 'going-on', offsetMs, record, points } as const;
        const isOurs = await this.#deps.residents.passGoesOn(start);
        told();
        if (isOurs) this.#deps.emit({ kind: 'run-goes-on', record });
      });
    }
  }

  /** Every call that goes on ended with its process; `crashed`: somebody's record has to say so. */
  #cutAll(cut: PassCut, crashed: boolean): void {
    const all = [...this.#collectors.values()];
    const calling = all.filter(({ began, hasReported }) => began !== null || hasReported);
    const told = calling.length > 0 || !crashed ? calling : all.slice(0, 1);
    for (const collector of told) this.#end(collector.take(null), cut);
  }

  #end({ pass, reports, untold }: Taken, cut: PassCut | null, failure?: Loaded['failures'][number]): void {
    const settledMs = performance.now();
    const isAsked = cut !== null && this.#endReason !== null; // nothing is wrong with it
    this.#records.add(async () => {
      const points = await reports.settle();
      const record = passRecord(pass, points, performance.now() - settledMs, cut);
      const error = failure && { type: failure.type, message: failure.message, traceback: failure.traceback };
      const whole = error ? { ...record, error } : record;
      const end = { lease: this.#lease, record: whole, output: passOutput(pass), points: untold(points) };
      await this.#deps.residents.passEnded(end);
      this.#deps.emit({ kind: 'run-ended', record: whole });
      if (!isAsked) this.#deps.lastErrors.ofRun(this.#datakit, whole);
    });
  }

  /** What the worker before did not come to tell: it died in the middle of it. */
  async #buryPredecessor(): Promise<void> {
    for (const { id } of this.#wanted.plan.collectors) {
      this.#records.add(async () => {
        const record = await this.#deps.residents.going(id);
        if (!record) return;
        const hint = `its worker ${record.worker} is gone, and its resident with it`;
        const lost = { ...record, outcome: { kind: 'lost' as const }, hint };
        await this.#deps.residents.passEnded({ lease: this.#lease, record: lost, output: null, points: [] });
      });
    }
    await this.#records.settled(SETTLE_MS);
  }

  #couldNotStart(error: unknown): LifeEnd | Promise<LifeEnd> {
    if (this.#endReason) return { kind: 'asked' };
    const cause = error instanceof Error ? error.message : String(error);
    for (const { id } of this.#wanted.plan.collectors) this.#tellUnavailable(id, error);
    return this.#records.settled(SETTLE_MS).then(() => ({ kind: 'crashed', cause, upMs: 0 }));
  }

  /** Nothing was called: no interpreter, no secret, no bundle, a host that dies. */
  #tellUnavailable(collector: CollectorId, error: unknown): void {
    const { worker, sandbox } = this.#deps;
    const now = Date.now();
    const facts = {
      ...{ id: `resident-${schedulerId(collector)}-${now}-0`, collector, kind: 'first' as const },
      ...{ dueMs: now, takenMs: now, startedMs: now, attempt: 1, worker, sandbox },
    };
    const record = { ...unavailableRecord(facts, error), resident: true };
    this.#records.add(async () => {
      await this.#deps.residents.passEnded({ lease: this.#lease, record, output: null, points: [] });
      this.#deps.emit({ kind: 'run-ended', record });
      this.#deps.lastErrors.ofRun(this.#datakit, record);
    });
  }

  #causeOf(end: RunEnd): string {
    if (this.#unsigned !== null) return this.#unsigned;
    if (this.#tooLong) return `killed: the imports took longer than ${defaultHostLimits.importMs / 1000} s`;
    if (outcomeOf(end).kind === 'succeeded') return `none of its collectors could be built: ${this.#unbuilt}`;
    const cause = causeOf(end, defaultHostLimits);
    const said = end.stderr.trim();
    return said && !end.error ? `${cause}. It printed: ${said.slice(-SAID_CHARS)}` : cause;
  }
}

const SAID_CHARS = 500;

function cutOf(end: RunEnd, reason: ResidentEndReason): PassCut {
  const hint = endTexts[reason];
  if (reason === 'stopping') return { outcome: { kind: 'killed', reason: 'stopping' }, hint };
  if (reason === 'lost') return { outcome: { kind: 'killed', reason: 'lease' }, hint };
  return { outcome: { kind: 'killed', reason: end.cause === 'lease' ? 'lease' : 'cancelled' }, hint };
}

function partsOf({ record }: ResidentCollector): { dir: string; module: string; class: string } {
  const { module, class: name, key } = record;
  return { dir: key.slice(0, key.lastIndexOf(`/${module}:`)), module, class: name };
}
