import { bad, good, type Reader } from './reading.ts';

/** One key of a `[[inputs.pythond]]` block. The table of these drives parsing, suggestions and the reference. */
export interface BlockKey<T> {
  readonly read: Reader<T>;
  /** What an absent key means. */
  readonly fallback: T;
  /** The columns of `docs/configuration.md`, in Markdown. */
  readonly type: string;
  readonly default: string;
  /** Where it may stand: in the block, or also as an attribute of the collector's class (the block wins). */
  readonly where: 'block' | 'block, class';
  readonly about: string;
  /** Whether what was written must not be repeated in a message. */
  readonly secret?: boolean;
}

export type AnyBlockKey = BlockKey<unknown>;

/** Lets a table keep each key's own type. */
export function blockKey<T>(key: BlockKey<T>): BlockKey<T> {
  return key;
}

/** The types that the readers of a table give. */
export type ValuesOf<Table> = { readonly [K in keyof Table]: Table[K] extends BlockKey<infer T> ? T : never };

const POOL = /^[A-Za-z0-9_-]{1,64}$/;

/** The name of a pool: it becomes part of a queue's name. */
export const readPool: Reader<string> = (value) =>
  typeof value === 'string' && POOL.test(value)
    ? good(value)
    : bad('must be 1 to 64 letters, digits, hyphens and underscores', 'write pool = "default"');
