import { createHash } from 'node:crypto';
import {
  checkSeal,
  type InputRecord,
  inputRecordSchema,
  readRecord,
  type Seal,
  type TrustedKey,
} from '@pythond/jobs';
import type { StoredRecord } from '@pythond/registry';
import { InputUnavailableError } from './input-unavailable.ts';

/** What a process is for: a resident may accept connections, and serves for ever. */
export type Purpose = 'runs' | 'resident';

/** `act`: its collectors are run, so it is in force. `discover`: it is imported to see what is in it. */
export type Use = 'act' | 'discover';

/** A record that may be acted on. */
export interface Admitted {
  readonly record: InputRecord;
  /** null: this worker acts on unsigned records. */
  readonly seal: Seal | null;
}

/** Where the records of inputs come from, and whether they are believed. */
export interface InputRecords {
  /**
   * @throws InputUnavailableError when there is none, or none that this worker believes
   * @throws NewerRecordError when a newer version of the fleet made it
   */
  admit(input: string, number: number, purpose: Purpose): Promise<Admitted>;
  /**
   * Asked at every use, since what was admitted may have ended or been replaced since.
   *
   * @throws InputUnavailableError
   */
  check(admitted: Admitted, use: Use): void;
}

export interface TrustedRecordsOptions {
  readonly stored: (input: string, number: number) => Promise<StoredRecord | null>;
  /** null: it believes whatever Redis has. */
  readonly keys: readonly TrustedKey[] | null;
  /** Those that this worker serves. */
  readonly pools: readonly string[];
  /** This machine's clock, milliseconds: that of Redis is not asked, since who can change records can change that. */
  readonly now?: () => number;
}

const MAX_VERIFIED = 2_048;
const MAX_NEWEST = 20_000;

/** The newest version of an input that ran here. */
interface Newest {
  readonly number: number;
  readonly madeMs: number;
  readonly endsMs: number;
}

/**
 * The records of Redis, for a worker that believes nothing but what is signed with one of its keys, of the input and
 * version that was asked for, not ended, and not older than what ran here before. The latter is in memory only: a worker
 * that was just started takes any version whose signature has not ended.
 */
export class TrustedRecords implements InputRecords {
  readonly #options: TrustedRecordsOptions;
  readonly #now: () => number;
  /** By what was verified, so that the same bytes are verified once. */
  readonly #verified = new Map<string, Seal>();
  readonly #newest = new Map<string, Newest>();

  constructor(options: TrustedRecordsOptions) {
    this.#options = options;
    this.#now = options.now ?? Date.now;
  }

  async admit(input: string, number: number, purpose: Purpose): Promise<Admitted> {
    const stored = await this.#options.stored(input, number);
    if (!stored) throw unavailable('input-gone', `version ${number} of input ${input} is gone`);
    const { keys } = this.#options;
    const name = `version ${number} of input ${input}`;
    const seal = keys && this.#verify(stored, keys, name);
    const record = readRecord(inputRecordSchema, JSON.parse(stored.text), name);
    if (!seal) return { record, seal };
    if (record.key !== input || record.number !== number) {
      const what = `what Redis has as ${name} is signed as version ${record.number} of input ${record.key}`;
      throw unavailable('signature-wrong', `${what}: ${PUT_RIGHT}`);
    }
    this.#checkRights(record, purpose, name);
    return { record, seal };
  }

  check({ record, seal }: Admitted, use: Use): void {
    if (!seal) return;
    const { key, number } = record;
    const name = `version ${number} of input ${key}`;
    if (seal.endsMs <= this.#now()) {
      const ended = new Date(seal.endsMs).toISOString();
      const remedy = `see that a scheduler with the signing_key runs, and that the clocks are right`;
      throw unavailable('signature-expired', `the signature of ${name} ended at ${ended}: ${remedy}`);
    }
    const newest = this.#newest.get(key);
    if (newest && newest.endsMs > this.#now() && seal.madeMs < newest.madeMs) {
      const what = `${name} was replaced by version ${newest.number}, which ran on this worker before`;
      throw unavailable('version-replaced', `${what}; to have it again, use \`pythond rollout rollback\``);
    }
    if (use === 'act') this.#ran(record, seal);
  }

  #ran({ key, number }: InputRecord, { madeMs, endsMs }: Seal): void {
    this.#newest.delete(key); // to the end: the first is the one that ran longest ago
    this.#newest.set(key, { number, madeMs, endsMs });
    const [first] = this.#newest.size > MAX_NEWEST ? this.#newest.keys() : [];
    if (first !== undefined) this.#newest.delete(first);
  }

  #verify(stored: StoredRecord, keys: readonly TrustedKey[], name: string): Seal {
    const digest = createHash('sha256')
      .update(JSON.stringify([stored.seal, stored.text]))
      .digest('base64');
    const known = this.#verified.get(digest);
    if (known) return known;
    const check = checkSeal({ kind: 'input record', text: stored.text }, stored.seal, keys);
    if (check.ok) {
      if (this.#verified.size >= MAX_VERIFIED) this.#verified.clear();
      this.#verified.set(digest, check.seal);
      return check.seal;
    }
    switch (check.fault) {
      case 'missing':
        throw unavailable('not-signed', `${name} is not signed, so this worker does not run it: ${SIGN}`);
      case 'unknown-key':
        throw unavailable(
          'signature-unknown',
          `${name} is signed with key ${check.key}, which is not among the trusted_keys of this worker: add its public key there, or give the scheduler the signing_key that belongs to them`,
        );
      case 'malformed':
      case 'wrong':
        throw unavailable(
          'signature-wrong',
          `${name} is not what was signed: somebody changed it in Redis; ${PUT_RIGHT}`,
        );
    }
  }

  /** What a collector's record, which is not signed, must not widen. */
  #checkRights({ pool, isolation }: InputRecord, purpose: Purpose, name: string): void {
    if (!this.#options.pools.includes(pool)) {
      throw unavailable('wrong-pool', `${name} is signed for pool ${pool}, which this worker does not serve`);
    }
    if (purpose === 'resident' && isolation === 'run') {
      throw unavailable('not-resident', `${name} says isolation = "run", so it does not run as a resident`);
    }
  }
}

const SIGN =
  'the scheduler signs it within seconds if it has a signing_key; set that to the private key of the trusted_keys of this worker';
const PUT_RIGHT =
  'a scheduler that has the signing_key puts it right within seconds; see who can write to Redis';

function unavailable(code: string, message: string): InputUnavailableError {
  return new InputUnavailableError(code, message);
}
