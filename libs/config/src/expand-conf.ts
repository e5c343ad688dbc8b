import type { Edit } from './edits.ts';
import { editsOf, type Resolved } from './expansion-edits.ts';
import { encFilePath, isFleetSecret, REFERENCE, variable } from './reference.ts';
import type { ReadSecret } from './secret-file.ts';
import type { Outline, Reference } from './toml-outline.ts';

export interface Surroundings {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly readSecret: ReadSecret;
}

export interface Expansion {
  readonly edits: readonly Edit[];
  /** Why an `ENC[file:…]`, as written, was left standing. */
  readonly failures: ReadonlyMap<string, string>;
}

/**
 * The edits that expand `$NAME`, `${NAME}` and `ENC[file:…]` in the text of a conf file.
 *
 * DataKit expands the text before it parses it (its `feedEnvs`), so `interval = $INTERVAL` and `dirs = $DIRS`
 * work there and have to work here; expanding the parsed strings would come too late for them. It also expands
 * blindly, and there we differ:
 *
 * - values under a key `envs` are left alone, `$` and `ENC` alike, and those under `tags` keep their `ENC`: these are
 *   resolved on the worker, so that no secret passes through Redis;
 * - a value is inserted so that the quotation marks around it still hold: what a variable contains never ends its
 *   string. Where there are no quotation marks it is inserted as it is, since there it is meant to be TOML; a value
 *   that is none gets quotation marks, so that `interval = $INTERVAL` may be `10s`, too, and does no harm as `oops]`;
 * - what was inserted is not expanded again, and comments are left alone;
 * - a variable that does not exist stays as it is written, as in DataKit; outside of quotation marks it is put into
 *   some, so that its block gets a wrong value and the rest of the file stays readable.
 */
export async function expandConf(
  text: string,
  { references }: Outline,
  surroundings: Surroundings,
): Promise<Expansion> {
  const failures = new Map<string, string>();
  const edits: Edit[] = [];
  const readSecret = once(surroundings.readSecret);
  for (const reference of references) {
    const { start, end } = reference.token;
    const found = await resolve(text.slice(start, end), reference, { ...surroundings, readSecret }, failures);
    for (const edit of editsOf(text, reference, found)) edits.push(edit);
  }
  return { edits, failures };
}

/** A file that names a secret ten thousand times makes us read it once. */
function once(readSecret: ReadSecret): ReadSecret {
  const readings = new Map<string, ReturnType<ReadSecret>>();
  return (path) => {
    const reading = readings.get(path) ?? readSecret(path);
    readings.set(path, reading);
    return reading;
  };
}

async function resolve(
  piece: string,
  { keys }: Reference,
  surroundings: Surroundings,
  failures: Map<string, string>,
): Promise<Resolved[]> {
  const within = keys.map((key) => key.toLowerCase());
  if (within.includes('envs')) return [];
  const resolved: Resolved[] = [];
  for (const match of piece.matchAll(REFERENCE)) {
    const [whole, braced, bare, inside] = match;
    if (inside !== undefined && within.includes('tags')) continue;
    const name = braced ?? bare;
    const value =
      name === undefined
        ? await readEnc(whole, inside ?? '', surroundings, failures)
        : expandable(surroundings.env, name);
    resolved.push({ start: match.index, end: match.index + whole.length, value });
  }
  return resolved;
}

/** The value that a variable of the scheduler expands to in a conf file; null when it stays as written. */
export function expandable(env: Surroundings['env'], name: string): string | null {
  return isFleetSecret(name) ? null : (variable(env, name) ?? null);
}

async function readEnc(
  whole: string,
  inside: string,
  { env, readSecret }: Surroundings,
  failures: Map<string, string>,
): Promise<string | null> {
  const path = encFilePath(inside);
  if (path === null) return null;
  const expanded = path.replace(REFERENCE, (written, braced?: string, bare?: string) => {
    const name = braced ?? bare;
    return name === undefined ? written : (expandable(env, name) ?? written);
  });
  const secret = await readSecret(expanded);
  if (!secret.ok) failures.set(whole, secret.reason);
  return secret.ok ? secret.text : null;
}
