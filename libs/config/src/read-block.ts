import type { InputDefinition } from '@pythond/jobs';
import type { AnyBlockKey } from './block-key.ts';
import { type BlockKeyName, type BlockValues, blockKeyNames, blockKeys, toDefinition } from './block-keys.ts';
import { checkEnc, unsetVariables } from './check-references.ts';
import type { RawBlock } from './conf-file.ts';
import { readName } from './datakit-keys.ts';
import type { Surroundings } from './expand-conf.ts';
import { matchKeys } from './match-keys.ts';
import type { Table } from './parse-toml.ts';
import { printable } from './printable.ts';
import type { ConfigProblem, ValueProblem } from './problem.ts';
import { describe } from './readers.ts';
import type { Fault, Note, Reading } from './reading.ts';
import { REFERENCE } from './reference.ts';

export interface BlockReading {
  /** null: the block has an error and is not used. */
  readonly definition: Omit<InputDefinition, 'key'> | null;
  /** Also of a block with errors, where its name is a good one. */
  readonly name: string | null;
  /** What messages may call it: the name, unless that came out of a secret. */
  readonly shownName: string | null;
  readonly source: InputDefinition['source'];
  readonly problems: readonly ConfigProblem[];
}

/** Checks one block: every problem of it at once, and a definition when none of them is an error. */
export function readBlock(raw: RawBlock, env: Surroundings['env']): BlockReading {
  const { file, number, place, table } = raw;
  const source = { file, block: number, line: place.line };
  const reader = new BlockReader(raw, env);
  const values = table === null ? null : reader.read(table);
  const failed = values === null || reader.problems.some(({ level }) => level === 'error');
  const definition = failed ? null : { ...toDefinition(values), source };
  const name = definition?.name ?? valueOr(readName(table?.['name']), null);
  const written = place.written('name');
  const isSecret = written === null ? raw.expanded : written.includes('ENC[');
  const shownName = isSecret ? null : name;
  if (table === null) reader.notATable();
  const problems = reader.problems.map((problem) => {
    const line = problem.key === null ? place.line : place.lineOf(problem.key);
    return { ...problem, file, line, block: number, name: shownName };
  });
  return { definition, name, shownName, source, problems };
}

class BlockReader {
  readonly problems: ValueProblem[] = [];
  readonly #raw: RawBlock;
  readonly #env: Surroundings['env'];

  constructor(raw: RawBlock, env: Surroundings['env']) {
    this.#raw = raw;
    this.#env = env;
  }

  notATable(): void {
    const message = 'the block must be a table of keys';
    this.problems.push({ level: 'error', code: 'not-a-table', key: null, message, hint: null });
  }

  read(table: Table): BlockValues {
    const values: Record<string, unknown> = Object.create(null);
    const { spelling, warnings } = matchKeys(Object.keys(table));
    for (const warning of warnings) this.problems.push({ level: 'warning', ...warning });
    for (const key of blockKeyNames) {
      const spec: AnyBlockKey = blockKeys[key];
      values[key] = spec.fallback;
      const at = spelling.get(key);
      if (at === undefined) this.#absent(key, spec);
      else if (this.#refersWell(key, at, table[at])) values[key] = this.#value(at, spec, table[at]);
    }
    return values as unknown as BlockValues;
  }

  #absent(key: BlockKeyName, spec: AnyBlockKey): void {
    if (spec.default === 'required') {
      const reading = spec.read(undefined);
      const hint = reading.ok ? null : (reading.faults[0]?.hint ?? null);
      this.problems.push({ level: 'error', code: 'missing-key', key, message: `${key} is missing`, hint });
    } else if (key === 'cmd') {
      const [message, hint] = ['cmd is missing; python3 is used', 'write cmd = "python3"'];
      this.problems.push({ level: 'warning', code: 'missing-key', key, message, hint });
    }
  }

  /** Whether the secrets that a value refers to are there; of variables that are not, it only warns. */
  #refersWell(key: BlockKeyName, at: string, value: unknown): boolean {
    const broken = checkEnc(value, key === 'envs' || key === 'tags', this.#raw.failures);
    for (const fault of broken) this.#fault(at, fault, blockKeys[key]);
    for (const { name, why } of key === 'envs' ? [] : unsetVariables(value, this.#env)) {
      const message = `${at} holds $${name}, which stays as it is: ${why}`;
      this.problems.push({ level: 'warning', code: 'unset-variable', key: at, message, hint: null });
    }
    return broken.length === 0;
  }

  #value(at: string, spec: AnyBlockKey, value: unknown): unknown {
    const reading = spec.read(value);
    if (!reading.ok) for (const fault of reading.faults) this.#fault(at, fault, spec);
    else for (const note of reading.notes) this.#note(at, note, spec);
    return valueOr(reading, spec.fallback);
  }

  #note(key: string, { text, hint }: Note, spec: AnyBlockKey): void {
    const written = spec.secret ? null : this.#raw.place.written(key);
    const message = `${key}${written === null ? '' : ` (${printable(written)})`} ${text}`;
    this.problems.push({ level: 'warning', code: 'adjusted-value', key, message, hint });
  }

  #fault(key: string, fault: Fault, spec: Pick<AnyBlockKey, 'secret'>): void {
    const instead = spec.secret ? null : this.#instead(key, fault);
    const message = `${key} ${fault.text}${instead === null ? '' : `, not ${instead}`}`;
    const hint = fault.hintRepeats && this.#isExpanded(key) ? null : fault.hint;
    this.problems.push({ level: 'error', code: fault.code, key, message, hint });
  }

  #isExpanded(key: string): boolean {
    const written = this.#raw.place.written(key);
    return written === null ? this.#raw.expanded : written.search(REFERENCE) >= 0;
  }

  /** What a message may repeat: only what stands in the file itself, never what it was expanded to. */
  #instead(key: string, { shows }: Fault): string | null {
    const written = this.#raw.place.written(key);
    if (shows === 'nothing' || written === null) return null;
    if (shows === 'value') return printable(written.replace(/\s+/g, ' '));
    const { entry } = shows;
    return typeof entry !== 'string' || written.includes(entry) ? describe(entry) : null;
  }
}

function valueOr<T, F>(reading: Reading<T>, fallback: F): T | F {
  return reading.ok ? reading.value : fallback;
}
