import { FrameError } from './errors.ts';
import type { HostDeath } from './host-death.ts';
import type { Ended, Started, Stream } from './host-frames.ts';
import { LiveRun, type RunHost } from './live-run.ts';
import type { EndCause } from './run-end.ts';
import type { RunRequest } from './run-request.ts';
import type { Exceeded, WatchedRun } from './usage-watch.ts';

/** An honest host stops a run at its limit; what was in the pipe by then may still come. */
const RESULT_SLACK_BYTES = 2 * 1024 * 1024;
/** Deadlines are looked at this often within the shortest of them. */
const LOOKS = 4;
const MAX_LOOK_MS = 1_000;
const MIN_LOOK_MS = 20;
/** A run of this age is likely to stay: worth a look at which processes it has. */
const OLD_MS = 1_000;

export interface Overdue {
  readonly run: LiveRun;
  readonly cause: EndCause;
}

export interface RunWatcher {
  /** A run is over its time, and the host did nothing about it. */
  onOverdue(overdue: Overdue): void;
  /** Some run is going on for longer. */
  onOldRuns(): void;
}

/**
 * The runs of one host that are not over: every frame about a run is for one of them, or the host is broken.
 *
 * One timer per host looks at all deadlines, only while there are runs: a run that ends in time costs none. A run
 * that is overdue is reported at the second look that finds it so: when the worker itself was held up, what the
 * host had sent in time is read between the two.
 */
export class HostRuns {
  readonly #live = new Map<number, LiveRun>();
  readonly #host: RunHost;
  readonly #watcher: RunWatcher;
  #last = 0;
  #timer: NodeJS.Timeout | null = null;
  #suspect: Overdue | null = null;

  constructor(host: RunHost, watcher: RunWatcher) {
    this.#host = host;
    this.#watcher = watcher;
  }

  get size(): number {
    return this.#live.size;
  }

  /** How many were ever started. */
  get total(): number {
    return this.#last;
  }

  add(request: RunRequest): LiveRun {
    const run = new LiveRun(++this.#last, request, this.#host);
    this.#live.set(run.run, run);
    this.#timer ??= this.#startLooking();
    return run;
  }

  /** Those that have a process, for whoever measures what they use. */
  watched(): WatchedRun[] {
    return [...this.#live.values()].flatMap((run) => {
      const { started, startedMs } = run;
      if (!started || startedMs === null) return [];
      const exceed = (what: Exceeded) => run.cancel(0, what);
      return [{ pid: started.pid, folder: started.tmp ?? null, startedMs, exceed }];
    });
  }

  /** The host is going to end them all. */
  stopping(): void {
    for (const run of this.#live.values()) run.cancelledBy('stopping');
  }

  started(started: Started): void {
    if (!this.#find(started.run).start(started)) throw new FrameError('out-of-order', '"started" twice');
  }

  result(id: number, bytes: Buffer): void {
    const run = this.#find(id);
    if (run.startedMs === null) throw new FrameError('out-of-order', '"result" before "started"');
    run.push(bytes);
    if (run.stream.bytes > this.#host.limits.resultBytes + RESULT_SLACK_BYTES) {
      throw new FrameError('flood', `more than ${this.#host.limits.resultBytes} bytes of one run's result`);
    }
  }

  output(id: number, stream: Stream, bytes: Buffer): void {
    if (!this.#find(id).output(stream, bytes))
      throw new FrameError('out-of-order', '"output" nobody asked for');
  }

  ended(ended: Ended): void {
    const run = this.#find(ended.run);
    this.#live.delete(ended.run);
    run.end(ended);
  }

  /** The host is gone. The run because of which it had to be killed, if one was, ends with its own cause. */
  endAll(death: HostDeath, because: Overdue | null): void {
    this.#stopLooking();
    for (const run of this.#live.values()) {
      run.endWithHost(run === because?.run ? because.cause : 'host', death);
    }
    this.#live.clear();
  }

  #find(id: number): LiveRun {
    const run = this.#live.get(id);
    if (!run) throw new FrameError('unknown-run', `a frame of run ${id}, which is not going on`);
    return run;
  }

  #startLooking(): NodeJS.Timeout {
    const { overdueMs, leaseMarginMs, startMs } = this.#host.limits;
    const period = Math.min(overdueMs, leaseMarginMs, startMs) / LOOKS;
    const timer = setInterval(() => this.#look(), Math.max(MIN_LOOK_MS, Math.min(MAX_LOOK_MS, period)));
    return timer.unref();
  }

  #stopLooking(): void {
    if (this.#timer) clearInterval(this.#timer);
    this.#timer = null;
  }

  #look(): void {
    if (this.#live.size === 0) this.#stopLooking();
    const now = performance.now();
    const suspect = this.#suspect;
    this.#suspect = null;
    let old = false;
    for (const run of this.#live.values()) {
      const cause = run.overdue(now);
      if (cause && run === suspect?.run) {
        this.#watcher.onOverdue({ run, cause });
        return;
      }
      if (cause) this.#suspect ??= { run, cause };
      old ||= run.startedMs !== null && now - run.startedMs > OLD_MS;
    }
    if (old) this.#watcher.onOldRuns();
  }
}
