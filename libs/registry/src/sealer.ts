import { checkSeal, inputRecordSchema, makeSeal, type Seal, type SealingKey } from '@pythond/jobs';

/** An input record as Redis holds it: the bytes that are sealed, and the seal, if there is one. */
export interface StoredRecord {
  readonly text: string;
  readonly seal: string | null;
}

/** A record that was sealed with the own key. */
export interface SealedRecord {
  readonly text: string;
  /** As it stands in Redis. */
  readonly written: string;
  readonly seal: Seal;
}

export interface SealerOptions {
  readonly key: SealingKey;
  /** How long a seal lasts, milliseconds. */
  readonly lifeMs?: number;
  readonly now?: () => number;
}

/**
 * A day: schedulers may be away for so long before workers stop. A seal is renewed when a third of it is over, so that
 * it has 16 h left at any time while a scheduler works: a night without one, and the time to see to it.
 */
const LIFE_MS = 24 * 3600_000;
/** What was sealed is believed by its own scheduler for so long after its seal ended: to be sealed anew, or rolled back to. */
const BELIEVED_MS = 30 * 24 * 3600_000;

/**
 * Seals what workers are to act on, and knows again what it has sealed, or a scheduler before it with the same key. It
 * remembers the versions that matter now, so that what somebody changes in Redis can be put right.
 */
export class Sealer {
  readonly #key: SealingKey;
  readonly #lifeMs: number;
  readonly #now: () => number;
  readonly #known = new Map<string, Map<number, SealedRecord>>();

  constructor({ key, lifeMs = LIFE_MS, now = Date.now }: SealerOptions) {
    this.#key = key;
    this.#lifeMs = lifeMs;
    this.#now = now;
  }

  /** For a text that is no record: a new seal, as it is to be stored. */
  sealPublished(field: string, text: string): string {
    return JSON.stringify(this.#make({ kind: `published ${field}`, text }, this.#now()));
  }

  /** Seals a record for the first time. It counts as made after all others of its input. */
  seal(input: string, number: number, text: string): SealedRecord {
    const others = [...(this.#known.get(input)?.values() ?? [])].map(({ seal }) => seal.madeMs + 1);
    const seal = this.#make({ kind: 'input record', text }, Math.max(this.#now(), ...others));
    return this.#remember(input, number, { text, written: JSON.stringify(seal), seal });
  }

  known(input: string, number: number): SealedRecord | null {
    return this.#known.get(input)?.get(number) ?? null;
  }

  /**
   * A stored record, if it is sealed with the own key, as that version of that input, and has not ended long ago.
   * Nothing is remembered.
   */
  recognise(input: string, number: number, { text, seal: written }: StoredRecord): SealedRecord | null {
    const known = this.known(input, number);
    if (known && known.text === text && known.written === written) return known;
    const check = checkSeal({ kind: 'input record', text }, written, [this.#key]);
    if (!check.ok || written === null || check.seal.endsMs < this.#now() - BELIEVED_MS) return null;
    const record = inputRecordSchema.safeParse(JSON.parse(text)); // sealed by us: it is JSON
    if (record.data?.key !== input || record.data.number !== number) return null;
    return { text, written, seal: check.seal };
  }

  /** Remembers what {@link recognise} gave. */
  adopt(input: string, number: number, sealed: SealedRecord): void {
    this.#remember(input, number, sealed);
  }

  /** Whether a third of it is over. */
  isDue({ endsMs }: Pick<Seal, 'endsMs'>): boolean {
    return endsMs - this.#now() < (this.#lifeMs * 2) / 3;
  }

  isPublishedDue(written: string): boolean {
    return this.isDue(JSON.parse(written) as Seal);
  }

  /** The same text, made when it was made, for a life from now. */
  renew(input: string, number: number, { text, seal }: SealedRecord): SealedRecord {
    const renewed = this.#make({ kind: 'input record', text }, seal.madeMs);
    return this.#remember(input, number, { text, written: JSON.stringify(renewed), seal: renewed });
  }

  /** Of an input these numbers matter, and no others. */
  keepOnly(input: string, numbers: readonly number[]): void {
    const known = this.#known.get(input);
    for (const number of known?.keys() ?? []) if (!numbers.includes(number)) known?.delete(number);
  }

  /** The oldest number of an input that it remembers; 0: none. What is older than that was replaced. */
  oldest(input: string): number {
    const numbers = [...(this.#known.get(input)?.keys() ?? [])];
    return numbers.length > 0 ? Math.min(...numbers) : 0;
  }

  newest(input: string): number {
    return Math.max(0, ...(this.#known.get(input)?.keys() ?? []));
  }

  #make(what: Parameters<typeof makeSeal>[0], madeMs: number): Seal {
    return makeSeal(what, { madeMs, endsMs: this.#now() + this.#lifeMs }, this.#key);
  }

  #remember(input: string, number: number, sealed: SealedRecord): SealedRecord {
    const known = this.#known.get(input) ?? new Map<number, SealedRecord>();
    this.#known.set(input, known.set(number, sealed));
    return sealed;
  }
}

/** The text of a record of the same content under another number. */
export function renumbered(text: string, number: number): string {
  return JSON.stringify({ ...inputRecordSchema.parse(JSON.parse(text)), number });
}
