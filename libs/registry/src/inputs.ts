import { createHash } from 'node:crypto';
import {
  type CollectorRecord,
  type Discovery,
  discoverySchema,
  type InputRecord,
  inputRecordSchema,
  type ResidentReason,
  readRecord,
  residentReasonSchema,
  schedulerId,
} from '@pythond/jobs';
import { type Redis, Script } from '@pythond/queue';
import { z } from 'zod';
import {
  type HoldReason,
  type InputVersion,
  stateOf,
  type VersionFacts,
  versionFactsSchema,
} from './input-version.ts';
import { keys } from './keys.ts';
import type { Sealer, StoredRecord } from './sealer.ts';

const decideScript = new Script(new URL('../lua/decide-resident.lua', import.meta.url));

/** An input record before it has a number. */
export type InputContent = Omit<InputRecord, 'v' | 'number'>;

/** Where an input was read from. */
export interface InputOrigin {
  /** The file of its block, as messages show it. */
  readonly file: string;
  /** The commit, where the file came from a git repo. */
  readonly commit: string | null;
}

export interface PutResult {
  readonly number: number;
  /** False when this very content was the last to be put: then nothing has to be discovered again. */
  readonly changed: boolean;
}

/** An input that is registered, as a later reading of the files needs to know it. */
export interface KnownInput {
  readonly key: string;
  readonly name: string;
  readonly file: string;
}

/** The versions of one input, the newest first. */
export interface Rollout {
  readonly input: string;
  readonly file: string;
  /** The number whose code runs; null: none has taken over yet. */
  readonly inForce: number | null;
  readonly versions: readonly InputVersion[];
}

/** How many versions of an input are kept: the newest, and of those that were in force once the newest. */
const VERSIONS_KEPT = 5;
/** The number that an input had when it went: should it come back, no worker may take it for what it was. */
const NUMBER_OF_GONE_MS = 30 * 24 * 3600 * 1000;

const MAX_REASONS = 10;
const MAX_REASON_LENGTH = 500;

/** That an input with `isolation = "auto"` has to be resident. It holds for one bundle, until `isolation` is changed. */
const decisionSchema = z.object({ bundle: z.string(), reason: residentReasonSchema, atMs: z.number() });

/**
 * Decisions are apart from the inputs, by input, so that workers, who make them, need no right to write inputs. The field of
 * an input's hash that held its own before.
 */
const DECISION = 'resident';
const NAMES_KEPT_MS = 7 * 24 * 3600 * 1000;

/**
 * The inputs, their versions, and what was found in each. One hash an input: `latest`, `active` (the number in force),
 * `pool` (of the newest), `fingerprint` (of what was put last, so that a roll-back stays until the files change), `name`, `file`, and of each
 * version its record `r:<number>`, the seal of that `s:<number>` and what is known of it `v:<number>`; `resident`, why it
 * had to become that. With a sealer, every record that it puts is sealed.
 */
export class Inputs {
  readonly #redis: Redis;
  readonly #sealer: Sealer | null;

  constructor(redis: Redis, sealer: Sealer | null = null) {
    this.#redis = redis;
    this.#sealer = sealer;
  }

  /**
   * Stores content under a new number, unless it is what was put last. `above`: the number that the caller knows of, for
   * when Redis has lost it: a worker may still hold the record of that number.
   */
  async put(content: InputContent, { file, commit }: InputOrigin, above = 0): Promise<PutResult> {
    const hash = keys.input(content.key);
    const fingerprint = fingerprintOf(content);
    const [known, latest, active] = await this.#redis.hmget(hash, 'fingerprint', 'latest', 'active');
    if (known === fingerprint && latest && (await this.#isSealed(content, Number(latest)))) {
      await this.#redis.hset(hash, { file, pool: content.pool });
      return { number: Number(latest), changed: false };
    }
    if (Number(latest ?? 0) < above) await this.#redis.hset(hash, 'latest', above);
    const facts = { ...newFacts('files'), commit };
    const number = await this.#add(content, facts, { fingerprint, file, name: content.name }, active ?? null);
    return { number, changed: true };
  }

  /**
   * A new version with the content of an earlier one. It stays until the files change.
   * @returns its number; null when the earlier one is not kept any more
   */
  async repeat(
    input: string,
    from: number,
    { cause, forced }: Pick<VersionFacts, 'cause' | 'forced'>,
  ): Promise<number | null> {
    const record = await this.get(input, from);
    if (!record) return null;
    const { v: _, number: __, ...content } = record;
    const active = await this.#redis.hget(keys.input(input), 'active');
    return this.#add(content, { ...newFacts(cause), from, forced }, {}, active);
  }

  async #add(
    content: InputContent,
    facts: VersionFacts,
    fields: Readonly<Record<string, string>>,
    active: string | null,
  ): Promise<number> {
    const hash = keys.input(content.key);
    const number = await this.#redis.hincrby(hash, 'latest', 1);
    const text = recordText(content, number);
    const seal = await this.#sealNext(content.key, number, text, active);
    const old = await this.#outlived(hash, number, active);
    const transaction = this.#redis
      .multi()
      .hset(hash, {
        ...fields,
        pool: content.pool,
        [`r:${number}`]: text,
        ...(seal ? { [`s:${number}`]: seal } : {}),
        [`v:${number}`]: JSON.stringify(facts),
      })
      .persist(hash)
      .sadd(keys.inputs, content.key);
    if (old.length > 0) transaction.hdel(hash, ...old.flatMap((one) => [`r:${one}`, `s:${one}`, `v:${one}`]));
    if (content.isolation !== 'auto')
      transaction.hdel(hash, DECISION).hdel(keys.residentDecisions, content.key);
    await transaction.exec();
    return number;
  }

  /**
   * Whether the newest version may stay as it is: it is sealed; or it is what was put now, and has its seal from here on.
   * Nothing else of what Redis says is sealed.
   */
  async #isSealed(content: InputContent, number: number): Promise<boolean> {
    const sealer = this.#sealer;
    if (!sealer) return true;
    const stored = await this.stored(content.key, number);
    if (stored && sealer.recognise(content.key, number, stored)) return true;
    const text = recordText(content, number);
    if (stored?.text !== text) return false;
    await this.seal(content.key, number, sealer.seal(content.key, number, text));
    return true;
  }

  /** What was sealed before it, also by another scheduler whose clock was ahead, counts as older. */
  async #sealNext(
    input: string,
    number: number,
    text: string,
    active: string | null,
  ): Promise<string | null> {
    const sealer = this.#sealer;
    if (!sealer) return null;
    for (const before of new Set([number - 1, Number(active ?? 0)])) {
      const stored = await this.stored(input, before);
      const sealed = stored && sealer.recognise(input, before, stored);
      if (sealed && !sealer.known(input, before)) sealer.adopt(input, before, sealed);
    }
    return sealer.seal(input, number, text).written;
  }

  /** A version's record and seal, as they stand. */
  async stored(input: string, number: number): Promise<StoredRecord | null> {
    const [stored = null] = await this.storedOf([{ input, number }]);
    return stored;
  }

  /** Those of several, in their order. */
  async storedOf(
    versions: readonly { readonly input: string; readonly number: number }[],
  ): Promise<(StoredRecord | null)[]> {
    const pipeline = this.#redis.pipeline();
    for (const { input, number } of versions) pipeline.hmget(keys.input(input), `r:${number}`, `s:${number}`);
    const replies = (await pipeline.exec()) ?? [];
    return replies.map(([error, reply]) => {
      if (error) throw error;
      const [text, seal = null] = reply as (string | null)[];
      return text ? { text, seal } : null;
    });
  }

  /** Writes a record with its seal, over whatever is there. */
  async seal(
    input: string,
    number: number,
    { text, written }: { readonly text: string; readonly written: string },
  ): Promise<void> {
    await this.#redis.hset(keys.input(input), { [`r:${number}`]: text, [`s:${number}`]: written });
  }

  /** Of every input the newest number and the one in force. */
  async numbers(): Promise<
    ReadonlyMap<string, { readonly latest: number; readonly inForce: number | null }>
  > {
    const names = await this.names();
    const pipeline = this.#redis.pipeline();
    for (const key of names) pipeline.hmget(keys.input(key), 'latest', 'active');
    const replies = (await pipeline.exec()) ?? [];
    return new Map(
      names.flatMap((key, index) => {
        const [latest, active] = (replies[index]?.[1] ?? []) as (string | null)[];
        return latest
          ? [[key, { latest: Number(latest), inForce: active ? Number(active) : null }] as const]
          : [];
      }),
    );
  }

  /** Versions that need not be kept when `newest` comes: never the one in force, nor those to roll back to. */
  async #outlived(hash: string, newest: number, active: string | null): Promise<number[]> {
    const fields = await this.#redis.hgetall(hash);
    const numbers = numbersIn(fields);
    const once = numbers.filter((number) => factsIn(fields, number).tookOverMs !== null);
    const kept = new Set([...once.sort((a, b) => b - a).slice(0, VERSIONS_KEPT), Number(active ?? 0)]);
    return numbers.filter((number) => number <= newest - VERSIONS_KEPT && !kept.has(number));
  }

  /** @throws NewerRecordError when a newer version of the fleet made it */
  async get(input: string, number: number): Promise<InputRecord | null> {
    const text = await this.#redis.hget(keys.input(input), `r:${number}`);
    return text
      ? readRecord(inputRecordSchema, JSON.parse(text), `version ${number} of input ${input}`)
      : null;
  }

  async latest(input: string): Promise<InputRecord | null> {
    const number = await this.#redis.hget(keys.input(input), 'latest');
    return number ? this.get(input, Number(number)) : null;
  }

  async facts(input: string, number: number): Promise<VersionFacts | null> {
    const text = await this.#redis.hget(keys.input(input), `v:${number}`);
    return text ? versionFactsSchema.parse(JSON.parse(text)) : null;
  }

  /** Its collectors run this version from now on. */
  async tookOver(input: string, number: number, nowMs: number): Promise<void> {
    const facts = (await this.facts(input, number)) ?? newFacts('files');
    const updated: VersionFacts = { ...facts, tookOverMs: facts.tookOverMs ?? nowMs, held: null };
    await this.#redis.hset(keys.input(input), {
      active: String(number),
      [`v:${number}`]: JSON.stringify(updated),
    });
  }

  /** It does not take over: the version in force goes on. */
  async hold(input: string, number: number, reasons: readonly HoldReason[], nowMs: number): Promise<void> {
    const facts = (await this.facts(input, number)) ?? newFacts('files');
    const held = {
      sinceMs: facts.held?.sinceMs ?? nowMs,
      reasons: reasons.slice(0, MAX_REASONS).map((reason) => ({
        ...reason,
        message: reason.message.slice(0, MAX_REASON_LENGTH),
      })),
    };
    await this.#redis.hset(
      keys.input(input),
      `v:${number}`,
      JSON.stringify({ ...facts, held, forced: false }),
    );
  }

  /** Asks to take the newest version over as it is; what can't be imported in it is left out. */
  async force(input: string, number: number): Promise<void> {
    const facts = (await this.facts(input, number)) ?? newFacts('files');
    await this.#redis.hset(keys.input(input), `v:${number}`, JSON.stringify({ ...facts, forced: true }));
  }

  async inForce(input: string): Promise<number | null> {
    const number = await this.#redis.hget(keys.input(input), 'active');
    return number ? Number(number) : null;
  }

  async names(): Promise<string[]> {
    return (await this.#redis.smembers(keys.inputs)).sort();
  }

  async known(): Promise<KnownInput[]> {
    const names = await this.names();
    const pipeline = this.#redis.pipeline();
    for (const key of names) pipeline.hmget(keys.input(key), 'name', 'file');
    const replies = (await pipeline.exec()) ?? [];
    return replies.flatMap(([, reply], index) => {
      const [name, file] = reply as (string | null)[];
      const key = names[index];
      return key && name && file ? [{ key, name, file }] : [];
    });
  }

  /** The pool of each input's newest version; inputs that an earlier release has put are there once they are read again. */
  async pools(): Promise<ReadonlyMap<string, string>> {
    const names = await this.names();
    const pipeline = this.#redis.pipeline();
    for (const key of names) pipeline.hget(keys.input(key), 'pool');
    const replies = (await pipeline.exec()) ?? [];
    return new Map(
      names.flatMap((key, index) => {
        const pool = replies[index]?.[1] as string | null;
        return pool ? [[key, pool] as const] : [];
      }),
    );
  }

  /** Every version of every input that is kept. */
  async rollouts(): Promise<Rollout[]> {
    const names = await this.names();
    const pipeline = this.#redis.pipeline();
    for (const key of names) pipeline.hgetall(keys.input(key));
    const replies = (await pipeline.exec()) ?? [];
    return replies.map(([, hash], index) => toRollout(names[index] ?? '', hash as Record<string, string>));
  }

  async rollout(input: string): Promise<Rollout | null> {
    const fields = await this.#redis.hgetall(keys.input(input));
    return numbersIn(fields).length > 0 ? toRollout(input, fields) : null;
  }

  async remove(input: string): Promise<void> {
    const hash = keys.input(input);
    const fields = (await this.#redis.hkeys(hash)).filter((field) => field !== 'latest');
    const transaction = this.#redis
      .multi()
      .pexpire(hash, NUMBER_OF_GONE_MS)
      .srem(keys.inputs, input)
      .hdel(keys.discoveries, input)
      .hdel(keys.residentDecisions, input);
    if (fields.length > 0) transaction.hdel(hash, ...fields);
    await transaction.exec();
  }

  /**
   * Notes that runs of their own do not do for an input's collectors, and why; the first reason stays. What a version
   * that was replaced meanwhile tells is not noted.
   */
  async decideResident({ key, number, bundle }: InputRecord, reason: ResidentReason): Promise<void> {
    const decision = JSON.stringify({ bundle, reason, atMs: Date.now() });
    await decideScript.run(
      this.#redis,
      [keys.residentDecisions],
      [keys.input(key), key, number, bundle, decision],
    );
  }

  /** Why the collectors of this bundle are resident though nobody asked for it; null: they are not. */
  async residentReason({ key, bundle }: Pick<InputRecord, 'key' | 'bundle'>): Promise<ResidentReason | null> {
    const text =
      (await this.#redis.hget(keys.residentDecisions, key)) ??
      (await this.#redis.hget(keys.input(key), DECISION));
    const decision = text ? decisionSchema.parse(JSON.parse(text)) : null;
    return decision?.bundle === bundle ? decision.reason : null;
  }

  /** Notes who changed a module or class name; gives the collector that did first. */
  async firstToChange(record: InputRecord, name: string, collector: string): Promise<string> {
    const hash = keys.sharedNames(`${record.key}:${record.number}`);
    await this.#redis.multi().hsetnx(hash, name, collector).pexpire(hash, NAMES_KEPT_MS).exec();
    return (await this.#redis.hget(hash, name)) ?? collector;
  }

  /** A run timed out while it still reported. Gives how often by now, with less than ten time-outs or intervals between two. */
  async stillReporting({ id, inputNumber, timeoutMs, everyMs }: CollectorRecord): Promise<number> {
    const counter = keys.stillReporting(schedulerId(id), inputNumber);
    const replies = await this.#redis
      .multi()
      .incr(counter)
      .pexpire(counter, 10 * Math.max(timeoutMs, everyMs))
      .exec();
    return Number(replies?.[0]?.[1] ?? 1);
  }

  async putDiscovery(discovery: Discovery): Promise<void> {
    await this.#redis.hset(keys.discoveries, discovery.input, JSON.stringify(discovery));
  }

  /** What each input's newest discovery found. */
  async discoveries(): Promise<Discovery[]> {
    const all = await this.#redis.hgetall(keys.discoveries);
    return Object.values(all).map((text) => discoverySchema.parse(JSON.parse(text)));
  }
}

function recordText(content: InputContent, number: number): string {
  const record: InputRecord = { v: 1, number, ...content };
  return JSON.stringify(record);
}

function fingerprintOf(content: object): string {
  return createHash('sha256').update(JSON.stringify(content)).digest('hex');
}

function newFacts(cause: VersionFacts['cause']): VersionFacts {
  return {
    ...{ cause, from: null, commit: null, madeMs: Date.now() },
    ...{ tookOverMs: null, held: null, forced: false },
  };
}

function numbersIn(fields: Readonly<Record<string, string>>): number[] {
  return Object.keys(fields).flatMap((field) => (/^r:\d+$/.test(field) ? [Number(field.slice(2))] : []));
}

function factsIn(fields: Readonly<Record<string, string>>, number: number): VersionFacts {
  const text = fields[`v:${number}`];
  return text ? versionFactsSchema.parse(JSON.parse(text)) : newFacts('files');
}

/** What a list of versions shows; a record of an earlier release may lack the rest. */
const shownOfRecord = inputRecordSchema.pick({ bundle: true, pool: true });

function toRollout(input: string, fields: Readonly<Record<string, string>>): Rollout {
  const inForce = fields['active'] ? Number(fields['active']) : null;
  const newest = Number(fields['latest'] ?? 0);
  const versions = numbersIn(fields)
    .sort((a, b) => b - a)
    .map((number) => {
      const facts = factsIn(fields, number);
      const { v: _, number: __, ...content } = JSON.parse(fields[`r:${number}`] ?? '');
      const { bundle, pool } = shownOfRecord.parse(content);
      const state = stateOf(facts, { number, newest, inForce });
      return { ...facts, number, bundle, pool, state, fingerprint: fingerprintOf(content) };
    });
  return { input, file: fields['file'] ?? '', inForce, versions };
}
