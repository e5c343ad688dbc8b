import { type BlockKeyName, blockKeyNames, findBlockKey } from './block-keys.ts';
import { nearest } from './nearest.ts';
import { printable, quoted } from './printable.ts';
import type { ProblemCode } from './problem.ts';

export interface KeyWarning {
  readonly code: ProblemCode;
  readonly key: string | null;
  readonly message: string;
  readonly hint: string | null;
}

export interface MatchedKeys {
  /** Our keys, and how the block spells them. */
  readonly spelling: ReadonlyMap<BlockKeyName, string>;
  readonly warnings: readonly KeyWarning[];
}

/** A block of hundreds of unknown keys is one mistake, not hundreds. */
const MAX_UNKNOWN_KEYS = 10;

/** Finds our keys in a block. DataKit takes `Name` for `name` where there is no `name`, and so do we. */
export function matchKeys(keys: readonly string[]): MatchedKeys {
  const spelling = new Map<BlockKeyName, string>();
  const others: string[] = [];
  for (const key of keys) {
    if (findBlockKey(key) === null) others.push(key);
    else spelling.set(key as BlockKeyName, key);
  }
  const warnings: KeyWarning[] = [];
  const unknown: string[] = [];
  for (const key of others) {
    const lower = key.toLowerCase() as BlockKeyName;
    if (findBlockKey(lower) === null || spelling.has(lower)) {
      unknown.push(key);
      continue;
    }
    spelling.set(lower, key);
    const message = `${printable(key)} is taken for ${lower}`;
    warnings.push({ code: 'key-case', key, message, hint: `write ${lower}` });
  }
  return { spelling, warnings: [...warnings, ...unknownKeys(unknown)] };
}

function unknownKeys(keys: readonly string[]): KeyWarning[] {
  const warnings: KeyWarning[] = keys.slice(0, MAX_UNKNOWN_KEYS).map((key) => {
    const meant = nearest(key, blockKeyNames);
    const hint = meant === null ? 'remove it' : `did you mean ${meant}?`;
    return { code: 'unknown-key', key, message: `the key ${quoted(key)} is not known and is ignored`, hint };
  });
  const more = keys.length - MAX_UNKNOWN_KEYS;
  if (more > 0) {
    const message = `${more} more keys are not known and are ignored`;
    warnings.push({ code: 'unknown-key', key: null, message, hint: null });
  }
  return warnings;
}
