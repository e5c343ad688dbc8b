import type { DiscoverJob, InputRecord } from '@pythond/jobs';
import { discoverySchema, inputRecordSchema } from '@pythond/jobs';
import type { JobQueue } from '@pythond/queue';
import {
  type Fleet,
  type Inputs,
  renumbered,
  type SealedRecord,
  type Sealer,
  type StoredRecord,
} from '@pythond/registry';
import { discoverAgain } from './rollout.ts';

export interface SealWatchDeps {
  readonly sealer: Sealer;
  readonly inputs: Pick<Inputs, 'numbers' | 'stored' | 'storedOf' | 'seal' | 'facts'>;
  readonly fleet: Pick<Fleet, 'renewPublished'>;
  /** The discover queue of a pool. */
  readonly discover: (pool: string) => JobQueue<DiscoverJob>;
  /** Of these inputs neither memory nor a seal says what they are to be: their files do. */
  readonly onLost: (inputs: readonly string[]) => void;
  readonly warn: (facts: Readonly<Record<string, unknown>>, message: string) => void;
}

/** Inputs whose records are read together. */
const AT_ONCE = 200;

interface Numbers {
  readonly latest: number;
  readonly inForce: number | null;
}

/**
 * Keeps the records that workers act on sealed: of every input the version in force and the newest. It renews seals,
 * seals roll-backs to what was sealed, and puts right what was changed in Redis by somebody without the key.
 */
export class SealWatch {
  readonly #deps: SealWatchDeps;

  constructor(deps: SealWatchDeps) {
    this.#deps = deps;
  }

  async look(): Promise<void> {
    const { inputs, fleet, onLost } = this.#deps;
    await fleet.renewPublished();
    const all = [...(await inputs.numbers())];
    const lost: string[] = [];
    for (let at = 0; at < all.length; at += AT_ONCE)
      lost.push(...(await this.#lookAt(all.slice(at, at + AT_ONCE))));
    if (lost.length > 0) onLost(lost);
  }

  /** Gives those whose newest version is not sealed. */
  async #lookAt(some: readonly (readonly [string, Numbers])[]): Promise<string[]> {
    const { sealer, inputs } = this.#deps;
    // the older first: what is sealed anew counts as made after what is known
    const versions = some.flatMap(([input, { latest, inForce }]) => {
      const newest = { input, number: latest, isNewest: true, isWaiting: inForce !== latest };
      if (inForce === null || inForce === latest) return [newest];
      return [{ input, number: inForce, isNewest: false, isWaiting: false }, newest];
    });
    const stored = await inputs.storedOf(versions);
    const lost: string[] = [];
    for (const [index, version] of versions.entries()) {
      const isSealed = await this.#keep(version, stored[index] ?? null);
      if (version.isNewest && !isSealed) lost.push(version.input);
    }
    for (const [input, { latest, inForce }] of some) {
      if (!lost.includes(input)) sealer.keepOnly(input, [latest, inForce ?? latest]);
    }
    return lost;
  }

  /** Sees to it that a version is sealed; gives whether it is. `isWaiting`: a worker is to import it. */
  async #keep(
    { input, number, isWaiting }: { input: string; number: number; isWaiting: boolean },
    stored: StoredRecord | null,
  ): Promise<boolean> {
    const { sealer, inputs } = this.#deps;
    const known = sealer.known(input, number);
    const found = stored && number >= sealer.oldest(input) ? sealer.recognise(input, number, stored) : null;
    if (known && found?.text !== known.text) {
      await this.#putRight(input, number, known, isWaiting);
      return true;
    }
    const sealed = known && found ? later(known, found) : found;
    if (sealed) {
      sealer.adopt(input, number, sealed);
      const kept = sealer.isDue(sealed.seal) ? sealer.renew(input, number, sealed) : sealed;
      if (kept.written !== stored?.seal) await inputs.seal(input, number, kept);
      return true;
    }
    return isWaiting && number > sealer.newest(input) && this.#sealRepeat(input, number);
  }

  async #putRight(input: string, number: number, known: SealedRecord, isWaiting: boolean): Promise<void> {
    const { sealer, inputs, warn } = this.#deps;
    warn({ input, number }, 'the record of this version was changed in Redis by somebody else: put right');
    await inputs.seal(input, number, sealer.isDue(known.seal) ? sealer.renew(input, number, known) : known);
    if (isWaiting) await this.#discover(known.text);
  }

  /** What an operator wants again, if it was sealed: from its own text, whatever the new one says. */
  async #sealRepeat(input: string, number: number): Promise<boolean> {
    const { sealer, inputs } = this.#deps;
    const from = (await inputs.facts(input, number))?.from ?? null;
    const stored = from === null ? null : await inputs.stored(input, from);
    const source = from !== null && stored ? sealer.recognise(input, from, stored) : null;
    if (!source) return false;
    const sealed = sealer.seal(input, number, renumbered(source.text, number));
    await inputs.seal(input, number, sealed);
    await this.#discover(sealed.text);
    return true;
  }

  async #discover(text: string): Promise<void> {
    const record: InputRecord = inputRecordSchema.parse(JSON.parse(text));
    await discoverAgain(record, this.#deps.discover, Date.now());
  }
}

/** What workers say of a version that nobody has signed, or that is not what was signed. */
const UNSIGNED = new Set(['not-signed', 'signature-wrong']);

/** Whether a worker could not import a version for want of a signature that this scheduler can give. */
export function isUnsigned(data: unknown): boolean {
  const code = discoverySchema.safeParse(data).data?.error?.code;
  return code !== undefined && UNSIGNED.has(code);
}

/** Another scheduler with the same key may have renewed it. */
function later(a: SealedRecord, b: SealedRecord): SealedRecord {
  return b.seal.endsMs > a.seal.endsMs ? b : a;
}
