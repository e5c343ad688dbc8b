import { expandable } from './expand-conf.ts';
import { badUnshown, type Fault } from './reading.ts';
import { encFilePath, isEncAes, isFleetSecret, REFERENCE, variableNames } from './reference.ts';

/**
 * What is wrong with the `ENC[…]` that still stand in a value after expansion. `kept`: the value is one whose files
 * are read on the worker, so that `ENC[file:…]` is as it should be.
 */
export function checkEnc(value: unknown, kept: boolean, failures: ReadonlyMap<string, string>): Fault[] {
  return [...strings(value)].flatMap((text) =>
    [...text.matchAll(REFERENCE)].flatMap(([whole, , , inside]) => {
      if (inside === undefined) return [];
      if (isEncAes(inside)) return aes();
      if (kept || encFilePath(inside) === null) return [];
      const reason = failures.get(whole) ?? 'it was not looked at';
      return faults(badUnshown(`holds an ENC[file:…] that can't be read: ${reason}`, null, 'secret'));
    }),
  );
}

function aes(): readonly Fault[] {
  const rule = "holds an ENC[aes:…], which is not supported: the fleet has no DataKit's key";
  return faults(
    badUnshown(rule, 'put the plain value into a file and write ENC[file:///path]', 'enc-unsupported'),
  );
}

function faults(reading: ReturnType<typeof badUnshown>): readonly Fault[] {
  return reading.ok ? [] : reading.faults;
}

export interface UnsetVariable {
  readonly name: string;
  readonly why: string;
}

/** The variables that a value still refers to after expansion, each once. */
export function unsetVariables(
  value: unknown,
  env: Readonly<Record<string, string | undefined>>,
): UnsetVariable[] {
  const names = new Set([...strings(value)].flatMap(variableNames));
  return [...names]
    .filter((name) => expandable(env, name) === null)
    .map((name) => ({
      name,
      why: isFleetSecret(name)
        ? 'it opens the fleet itself and is expanded nowhere'
        : "the scheduler's environment has no such variable",
    }));
}

/** Every string in a value: itself, a list's entries, a table's values. Deeper ones are no value of ours. */
function* strings(value: unknown): Generator<string> {
  if (typeof value === 'string') yield value;
  else if (typeof value === 'object' && value !== null) {
    for (const entry of Object.values(value)) if (typeof entry === 'string') yield entry;
  }
}
