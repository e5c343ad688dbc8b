/** A value of a block's key, as TOML has it. */
export type KeyValue = string | boolean | readonly string[];

/** A key that a block needs for what a script of it does. */
export interface NeededKey {
  readonly name:
    | 'env_allow'
    | 'scope'
    | 'isolation'
    | 'destinations'
    | 'unix_sockets'
    | 'read_paths'
    | 'write_paths';
  readonly value: KeyValue;
}

/** Something of a script that would not go as it did under DataKit, or that is wrong with it. */
export interface Finding {
  /** `error`: something has to be done. `warning`: to be looked at. */
  readonly level: 'error' | 'warning';
  /** Stable: the kind of the fact. */
  readonly code: string;
  readonly input: string;
  /** Relative to the home where it is under it. */
  readonly file: string;
  readonly line: number | null;
  readonly message: string;
  readonly remedy: string;
  /** What to write into the block; null: no key helps. */
  readonly key: NeededKey | null;
}

/** `read_paths = ["/etc/shop"]`, as a block has it. */
export function tomlOf({ name, value }: NeededKey): string {
  return `${name} = ${JSON.stringify(value).replaceAll('","', '", "')}`;
}
