import type { RunError, RunWarning } from '@pythond/jobs';
import type { Refusal } from '@pythond/sandbox';
import { FrameError } from './errors.ts';
import { FrameDecoder, type FrameLimits, type FrameSink, type HoldBudget } from './frame-decoder.ts';
import { type LastError, type Report, readRunFrame } from './run-frames.ts';
import type { ResidentRequest, RunRequest } from './run-request.ts';

const MAX_LAST_ERRORS = 100;
const MAX_WARNINGS = 100;

/** What all runs of a host share. */
export interface RunStreamLimits {
  readonly frames: FrameLimits;
  readonly budget: HoldBudget;
}

/**
 * What one run wrote to its result descriptor, read as it comes.
 *
 * It is *open* until the run's `finished` frame, then *finished*: nothing may follow. A frame that is not as the
 * protocol says, or one that `onReport` throws at, makes it *broken*: the rest is counted and not read, and
 * `frameError` says why. Only the run is to blame for that, since its own code can write to the descriptor; what
 * it reported before stays reported.
 */
export class RunStream implements FrameSink {
  bytes = 0;
  /** Report calls that came whole. */
  reports = 0;
  finished = false;
  error: RunError | null = null;
  frameError: FrameError | null = null;
  readonly lastErrors: LastError[] = [];
  readonly warnings: RunWarning[] = [];
  refused: readonly Refusal[] = [];
  /** The last that it told. */
  state: Buffer | null = null;
  readonly #decoder: FrameDecoder;
  readonly #onReport: ((report: Report) => void) | undefined;
  readonly #resident: ResidentRequest | undefined;

  constructor(limits: RunStreamLimits, request: Pick<RunRequest, 'onReport' | 'resident'>) {
    this.#decoder = new FrameDecoder(limits.frames, limits.budget);
    this.#onReport = request.onReport;
    this.#resident = request.resident;
  }

  push(bytes: Buffer): void {
    this.bytes += bytes.length;
    if (this.frameError) return;
    try {
      this.#decoder.push(bytes, this);
    } catch (error) {
      this.#break(error);
    }
  }

  /** The run is over. `whole`: it ended by itself, so that its last frame must have come whole. */
  end(whole: boolean): void {
    try {
      if (whole && !this.frameError) this.#decoder.end();
      else this.#decoder.release();
    } catch (error) {
      this.#break(error);
    }
  }

  onFrame(type: number, payload: Buffer): void {
    if (this.finished) throw new FrameError('out-of-order', 'a frame after "finished"');
    const frame = readRunFrame(type, payload);
    switch (frame.type) {
      case 'report':
        this.#report(frame.report);
        break;
      case 'lasterror':
        if (this.#resident) this.#resident.onLastError(frame.lastError);
        else if (this.lastErrors.length < MAX_LAST_ERRORS) this.lastErrors.push(frame.lastError);
        break;
      case 'warning':
        if (this.#resident) this.#resident.onWarning(frame.warning, frame.collector);
        else this.#warn(frame.warning);
        break;
      case 'loaded':
        this.#ofResident().onLoaded(frame.loaded);
        break;
      case 'pass-began':
        this.#ofResident().onPassBegan(frame.began);
        break;
      case 'pass-ended':
        this.#ofResident().onPassEnded(frame.ended);
        break;
      case 'state':
        this.state = Buffer.from(frame.state);
        break;
      case 'finished':
        this.finished = true;
        this.error = frame.error;
        this.refused = frame.refused;
        break;
      default:
        frame satisfies never;
    }
  }

  #ofResident(): ResidentRequest {
    if (this.#resident) return this.#resident;
    throw new FrameError('unknown-type', 'a frame that only a resident may send');
  }

  #report(report: Report): void {
    if (report.kind === 'raw' || !report.more) this.reports++;
    try {
      this.#onReport?.(report);
    } catch (cause) {
      const why = cause instanceof Error ? cause.message : String(cause);
      throw new FrameError('report-refused', why, { cause });
    }
  }

  #warn({ code, message }: RunWarning): void {
    const same = this.warnings.findIndex((w) => w.code === code && w.message === message);
    const earlier = this.warnings[same];
    if (earlier) this.warnings[same] = { code, message, count: (earlier.count ?? 1) + 1 };
    else if (this.warnings.length < MAX_WARNINGS) this.warnings.push({ code, message, count: 1 });
  }

  #break(error: unknown): void {
    this.#decoder.release();
    if (!(error instanceof FrameError)) throw error;
    this.frameError = error;
  }
}
