import { RefusedSignal } from './refusal.ts';
import { guessUnit, MAX_LINE_TIME, type PrecisionUnit, precisionUnit, toNanoseconds } from './time.ts';

const zeros: Readonly<Record<PrecisionUnit, string | null>> = {
  n: '',
  u: '000',
  ms: '000000',
  s: '000000000',
  m: null,
  h: null,
};

/** The greatest number of each unit whose nanoseconds 64 bits hold for certain. */
const limits: Readonly<Record<PrecisionUnit, number>> = {
  n: 9e15,
  u: 9e15,
  ms: 9.2e12,
  s: 9.2e9,
  m: 0,
  h: 0,
};

/** Turns the times that points bring into nanoseconds, by the precision of one report. */
export class OwnTime {
  readonly #precision: string | undefined;
  readonly #unit: PrecisionUnit | 'guess';
  #last: unknown = null;
  #lastNs: string | null | undefined = null;

  constructor(precision: string | undefined) {
    this.#precision = precision;
    this.#unit = precisionUnit(precision);
  }

  /** The nanoseconds as digits; null where the time counts as absent; undefined where only {@link exact} can tell. */
  quick(time: unknown): string | null | undefined {
    if (time === null || time === undefined) return null;
    if (time === this.#last) return this.#lastNs;
    this.#last = time;
    this.#lastNs = this.#convert(time);
    return this.#lastNs;
  }

  #convert(time: unknown): string | null | undefined {
    if (typeof time === 'bigint') {
      const isNs = this.#unit === 'n' || (this.#unit === 'guess' && time >= 10n ** 16n);
      return isNs && time > 0n && time <= MAX_LINE_TIME ? time.toString() : undefined;
    }
    if (typeof time !== 'number' || !Number.isSafeInteger(time)) return undefined;
    if (time <= 0) return null;
    const unit = this.#unit === 'guess' ? guessUnit(time) : this.#unit;
    const tail = zeros[unit];
    return tail === null || time > limits[unit] ? undefined : time + tail;
  }

  /**
   * The nanoseconds as digits; null where there is no time, 0n included, or a negative one: DataKit takes now then.
   *
   * @throws RefusedSignal where the multiplied time, which wraps around in 64 bits, can't be stored
   */
  exact(time: bigint): string | null {
    if (time <= 0n) return null;
    const precision =
      this.#precision === undefined ? 'without a precision' : `with precision=${this.#precision}`;
    return storableNs(toNanoseconds(time, this.#unit), `the time ${time} ${precision}`);
  }
}

/** @throws RefusedSignal for a time that is not after 1970, or that no line can hold */
export function storableNs(ns: bigint, what: string): string {
  if (ns > 0n && ns <= MAX_LINE_TIME) return ns.toString();
  throw new RefusedSignal('time-out-of-range', `${what} is no moment that can be stored`);
}
