import type { Confinement, ConfinementLimits } from '@pythond/sandbox';
import type { Catalogue } from './catalogue.ts';
import { FrameError, HostDiedError, HostNotReadyError } from './errors.ts';
import { frameType } from './frames.ts';
import type { Host, HostOptions, HostState } from './host.ts';
import { type DeathReason, deathOf, type HostDeath } from './host-death.ts';
import { hostFrameLimits, readHostFrame } from './host-frames.ts';
import { HostLife } from './host-life.ts';
import { HostLink, type HostLinkEvents } from './host-link.ts';
import { HostProcess } from './host-process.ts';
import { HostRuns, type Overdue, type RunWatcher } from './host-runs.ts';
import { defaultHostLimits, type HostLimits } from './limits.ts';
import type { RunHost } from './live-run.ts';
import { overuseOf } from './overuse.ts';
import { runFrameLimits } from './run-frames.ts';
import type { RunHandle, RunRequest } from './run-request.ts';
import type { RunStreamLimits } from './run-stream.ts';
import { setupOf } from './setup.ts';
import { type Exceeded, UsageWatch, type WatchedHost, type WatchedRun } from './usage-watch.ts';

/** From the closing of descriptor 3 to the end of the process. */
const HANG_UP_GRACE_MS = 1_000;

/** Between two looks at what a resident uses. */
const RESIDENT_REST_MS = 1_000;

/** One for all hosts of this process. */
const usageWatch = new UsageWatch();

/**
 * Starts a Python host. Needs write access to `tmpDir`, where the host gets a folder that goes with it.
 *
 * @throws HostDiedError when that folder can't be made; all else is told by `ready` and `closed`
 */
export function createHost(options: HostOptions): Host {
  try {
    return new PythonHost(options);
  } catch (error) {
    const why = `no Python host could be started: ${error instanceof Error ? error.message : error}`;
    throw new HostDiedError(deathOf('spawn', why, { exitCode: null, signal: null, stdout: '', stderr: '' }), {
      cause: error,
    });
  }
}

/**
 * A Python host as the worker sees it.
 *
 * - *starting*: `setup` is sent, the imports are going on. Left by `ready`, or by any reason to die.
 * - *ready*: takes runs.
 * - *stopping*: takes no run any more. After {@link stop} the host has its grace to end by itself; after any other
 *   reason to die (it broke the protocol, is silent, ended, …) it is being killed with everything below it.
 * - *dead*: all its processes are gone. Only now `closed` resolves, `ready` rejects and its runs end, since
 *   whoever waits for a run's end may start the next one of that collector at once.
 *
 * The first reason to die stays. Nothing that the host says is believed beyond its form.
 */
class PythonHost implements Host, RunHost, HostLinkEvents, RunWatcher, WatchedHost {
  readonly limits: HostLimits;
  readonly restMs: number;
  readonly policy: Confinement;
  readonly streams: RunStreamLimits;
  readonly #life: HostLife;
  readonly #process: HostProcess;
  readonly #link: HostLink;
  readonly #runs: HostRuns;
  #dying = false;
  #timer: NodeJS.Timeout | null = null;
  #overdue: Overdue | null = null;

  constructor(options: HostOptions) {
    this.limits = { ...defaultHostLimits, ...options.limits };
    this.policy = options.policy;
    this.restMs = options.resident ? RESIDENT_REST_MS : 0;
    const budget = { held: 0, max: this.limits.pendingBytes };
    this.streams = { frames: runFrameLimits, budget };
    this.#runs = new HostRuns(this, this);
    this.#life = new HostLife(options.onState);
    this.#process = new HostProcess({ ...options, executable: options.interpreter.executable });
    this.#link = new HostLink(this.#process.socket, hostFrameLimits(this.limits), budget, this);
    this.#begin(options);
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

  get pid(): number | null {
    return this.#process.pid;
  }

  get runs(): { total: number; live: number } {
    return { total: this.#runs.total, live: this.#runs.size };
  }

  get tmpRoot(): string {
    return this.#process.tmpRoot;
  }

  get usageLimits(): ConfinementLimits {
    return this.policy.limits;
  }

  get isBusy(): boolean {
    return this.state.kind === 'starting';
  }

  watchedRuns(): WatchedRun[] {
    return this.#runs.watched();
  }

  exceed(what: Exceeded): void {
    this.#die(what, `the Python host ${overuseOf(what, this.policy.limits)}, its runs not counted`);
  }

  residentKb(): number | null {
    return this.#process.residentKb();
  }

  run(request: RunRequest): RunHandle {
    if (this.state.kind !== 'ready') throw new HostNotReadyError(this.state.kind);
    request.signal?.throwIfAborted();
    return this.#runs.add(request);
  }

  holdResults(hold: boolean): void {
    this.#link.hold(hold);
  }

  stop(): Promise<HostDeath> {
    if (this.state.kind === 'starting' || this.state.kind === 'ready') {
      this.#life.beStopping();
      this.#runs.stopping();
      this.send(frameType.stop, {});
      this.#arm(this.limits.stopGraceMs, () => this.#die('stopped', 'the Python host was stopped'));
    }
    return this.closed;
  }

  send(type: number, value: object): void {
    this.#link.send(type, value);
  }

  sendState(run: number, state: Buffer): void {
    this.#link.sendState(run, state);
  }

  onFrame(type: number, payload: Buffer): void {
    if (this.#dying) return;
    const frame = readHostFrame(type, payload);
    switch (frame.type) {
      case 'result':
        this.#runs.result(frame.run, frame.bytes);
        break;
      case 'started':
        this.#runs.started(frame.started);
        break;
      case 'ended':
        this.#runs.ended(frame.ended);
        break;
      case 'output':
        this.#runs.output(frame.run, frame.stream, frame.bytes);
        break;
      case 'ready':
        this.#onReady(frame.catalogue);
        break;
      case 'fatal':
        this.#die('fatal', `the Python host gave up: ${frame.fatal.message}`);
        break;
      default:
        frame satisfies never;
    }
  }

  onBroken(error: FrameError): void {
    this.#die('frame', `the Python host broke the protocol: ${error.message}`);
  }

  onStuck(): void {
    this.#die('silent', 'the Python host does not read what it is sent');
  }

  /** An honest host closes its end by ending, which is told next; another is killed. */
  onHangUp(): void {
    if (this.state.kind === 'stopping') return;
    this.#arm(HANG_UP_GRACE_MS, () => this.#die('frame', 'the Python host closed its connection'));
  }

  onOverdue(overdue: Overdue): void {
    const { collector } = overdue.run;
    this.#overdue = overdue;
    if (overdue.cause === 'host') this.#die('silent', `the Python host did not start a run of ${collector}`);
    else this.#die('overdue', `the Python host did not end a run of ${collector} in time`);
  }

  onOldRuns(): void {
    if (!this.#dying) void this.#process.remember();
  }

  #begin(options: HostOptions): void {
    this.#process.exited.then(
      () => this.#onExit(),
      (error: Error) => this.#die('spawn', `the Python host could not be started: ${error.message}`),
    );
    this.#arm(this.limits.importMs, () => {
      this.#die('import-timeout', `the imports took longer than ${this.limits.importMs / 1000} s`);
    });
    usageWatch.add(this);
    this.send(frameType.setup, setupOf(options, this.#process.tmpRoot, this.limits));
  }

  #onReady(catalogue: Catalogue): void {
    if (this.state.kind === 'stopping') return;
    if (this.state.kind !== 'starting') throw new FrameError('out-of-order', '"ready" twice');
    this.#disarm();
    this.#life.becomeReady(catalogue);
  }

  #onExit(): void {
    if (this.state.kind === 'stopping') this.#die('stopped', 'the Python host was stopped');
    else this.#die('exited', 'the Python host ended by itself');
  }

  #die(reason: DeathReason, why: string): void {
    if (this.#dying) return;
    this.#dying = true;
    usageWatch.remove(this);
    this.#disarm();
    this.#link.close();
    this.#life.beStopping();
    void this.#bury(reason, why);
  }

  async #bury(reason: DeathReason, why: string): Promise<void> {
    const words = await this.#process.destroy();
    const death = deathOf(reason, why, words);
    this.#life.die(death, () => this.#runs.endAll(death, this.#overdue));
  }

  #arm(ms: number, act: () => void): void {
    this.#disarm();
    this.#timer = setTimeout(act, ms);
  }

  #disarm(): void {
    if (this.#timer) clearTimeout(this.#timer);
    this.#timer = null;
  }
}
