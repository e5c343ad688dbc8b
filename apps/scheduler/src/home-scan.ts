import {
  type BundleLimits,
  type BundleProblem,
  defaultBundleLimits,
  FRESH_MS,
  stampBundle,
} from '@pythond/bundles';
import { formatInputProblem } from '@pythond/config';
import type { InputDefinition } from '@pythond/jobs';
import type { Collectors, Inputs, Problem, Templates } from '@pythond/registry';
import type { SchedulerEvent } from './events.ts';
import type { HomeReading } from './home-reader.ts';
import { describeBundleProblem, type RolloutDeps, rollOut } from './rollout.ts';

export interface HomeScanDeps {
  readonly home: string;
  readonly inputs: Inputs;
  readonly collectors: Collectors;
  readonly templates: Pick<Templates, 'replace'>;
  readonly bundles: RolloutDeps['bundles'];
  readonly discover: RolloutDeps['discover'];
  /** The highest number of each input, also of those that Redis has lost. */
  readonly numbers: Map<string, number>;
  readonly emit: (event: SchedulerEvent) => void;
  readonly log: (facts: Readonly<Record<string, unknown>>, message: string) => void;
}

export interface ScanResult {
  readonly problems: readonly Problem[];
  /** Inputs that are discovered next. */
  readonly rolledOut: readonly string[];
  /** Inputs that were removed. */
  readonly gone: readonly string[];
  /** Folders and files outside of the home that were looked at. */
  readonly folders: readonly string[];
  /** After how long all is to be looked at again, whatever is told: null for no need. */
  readonly againInMs: number | null;
}

/** What is away is looked for once more after this long before it counts as gone. */
const CERTAIN_MS = 1_000;

/** What was brought into Redis of an input, to see at a glance that nothing changed since. */
interface Brought {
  readonly definition: string;
  readonly stamp: string;
  readonly problems: readonly Problem[];
}

interface Done {
  readonly problems: readonly Problem[];
  readonly folders: readonly string[];
  readonly changed: boolean;
  readonly fresh: boolean;
}

/**
 * Brings what a reading of the home found into Redis: every input that changed, and no other. An input that is not
 * asked for any more is removed, when a second look finds the same: editors and copies take files away for a moment.
 */
export class HomeScan {
  readonly #deps: HomeScanDeps;
  readonly #brought = new Map<string, Brought>();
  readonly #numbers: Map<string, number>;
  /** Not asked for when last looked at. */
  #missing = new Set<string>();
  #isFirst = true;

  constructor(deps: HomeScanDeps) {
    this.#deps = deps;
    this.#numbers = deps.numbers;
  }

  async run(reading: HomeReading): Promise<ScanResult> {
    const problems = [...reading.problems];
    const rolledOut: string[] = [];
    const folders = new Set<string>();
    let isFresh = false;
    for (const definition of reading.inputs) {
      const done = await this.#bring(definition, reading);
      problems.push(...done.problems);
      for (const folder of done.folders) folders.add(folder);
      isFresh ||= done.fresh;
      if (done.changed) rolledOut.push(definition.key);
    }
    const gone = await this.#removeOthers(reading);
    this.#isFirst = false;
    const againInMs = this.#missing.size > 0 ? CERTAIN_MS : isFresh ? FRESH_MS : null;
    return { problems, rolledOut, gone, folders: [...folders], againInMs };
  }

  /** Whether Redis has lost something that was brought into it; then everything is brought again. */
  forgetIfLost(stored: readonly string[]): boolean {
    const there = new Set(stored);
    if ([...this.#brought.keys()].every((key) => there.has(key))) return false;
    this.#brought.clear();
    return true;
  }

  /** What is in Redis of these inputs is not what was brought: they are brought again by the next reading. */
  forget(inputs: readonly string[]): void {
    for (const input of inputs) this.#brought.delete(input);
  }

  /** An input has this number, or had it: no later version may get it again. */
  knows(input: string, number: number): void {
    this.#numbers.set(input, Math.max(number, this.#numbers.get(input) ?? 0));
  }

  /** One input's trouble is a problem of that input, never of the others. */
  async #bring(definition: InputDefinition, reading: HomeReading): Promise<Done> {
    try {
      return await this.#bringChanged(definition, reading);
    } catch (error) {
      this.#brought.delete(definition.key);
      const message = error instanceof Error ? error.message : String(error);
      const text = formatInputProblem(definition, { level: 'error', message });
      const problems: Problem[] = [{ level: 'error', code: 'roll-out', text }];
      return { problems, folders: [], changed: false, fresh: false };
    }
  }

  async #bringChanged(definition: InputDefinition, reading: HomeReading): Promise<Done> {
    const { overlays, bundleLimits, commitOf } = reading;
    const { home } = this.#deps;
    const limits: BundleLimits = { ...defaultBundleLimits, ...bundleLimits };
    const { dirs, files, key, source } = definition;
    const { stamp, newestMs, folders } = await stampBundle({ home, overlays, dirs, files, limits });
    const text = JSON.stringify([definition, commitOf(source.file), bundleLimits]);
    const known = this.#brought.get(key);
    if (known?.definition === text && known.stamp === stamp) {
      return { problems: known.problems, folders, changed: false, fresh: false };
    }
    // what is far ahead of this clock is of a server whose clock is: nothing can be told of that
    const fresh = Math.abs(Date.now() - newestMs) < FRESH_MS;
    const { problems, changed, settled } = await this.#rollOut(definition, reading);
    // what was just written may be written again without a trace: it is read once more
    if (settled && !fresh) this.#brought.set(key, { definition: text, stamp, problems });
    else this.#brought.delete(key);
    return { problems, folders, changed, fresh };
  }

  async #rollOut(
    definition: InputDefinition,
    { overlays, bundleLimits: limits, commitOf }: HomeReading,
  ): Promise<{ problems: readonly Problem[]; changed: boolean; settled: boolean }> {
    const { home, inputs, bundles, discover, emit, log } = this.#deps;
    const discoverUnchanged = this.#isFirst;
    const { key } = definition;
    const above = this.#numbers.get(key) ?? 0;
    const deps: RolloutDeps = {
      above,
      home,
      overlays,
      limits,
      inputs,
      bundles,
      commitOf,
      discover,
      discoverUnchanged,
    };
    const { put, problems } = await rollOut(definition, deps);
    const told = problems.map((problem) => bundleProblem(definition, problem));
    if (put === null) return { problems: [...told, filesUnread(definition)], changed: false, settled: false };
    const { number, changed } = put;
    this.knows(key, number);
    if (changed) log({ input: key, number }, 'input rolled out');
    if (changed && !this.#isFirst) emit({ kind: 'input-changed', input: key, number });
    return { problems: told, changed: changed || this.#isFirst, settled: true };
  }

  /** Ends the inputs that nobody asks for any more. */
  async #removeOthers({ inputs, unread, isPartial }: HomeReading): Promise<string[]> {
    const asked = new Set([...inputs.map(({ key }) => key), ...unread]);
    for (const key of this.#brought.keys()) if (!asked.has(key)) this.#brought.delete(key);
    const missing = isPartial ? [] : (await this.#deps.inputs.names()).filter((name) => !asked.has(name));
    const gone = missing.filter((name) => this.#isFirst || this.#missing.has(name));
    this.#missing = new Set(missing.filter((name) => !gone.includes(name)));
    if (gone.length > 0) await this.#remove(gone);
    return gone;
  }

  async #remove(gone: readonly string[]): Promise<void> {
    const { collectors, templates, inputs, emit } = this.#deps;
    const views = await collectors.list();
    const theirs = views.map(({ record }) => record).filter(({ input }) => gone.includes(input));
    await collectors.remove(theirs.map(({ id }) => id));
    for (const { id } of theirs) emit({ kind: 'collector-gone', id });
    for (const input of gone) {
      await templates.replace(input, []);
      await inputs.remove(input);
      emit({ kind: 'input-gone', input });
    }
  }
}

function filesUnread(definition: InputDefinition): Problem {
  const message = 'not all of its files can be read, so that nothing changes: the version in force goes on';
  return {
    level: 'error',
    code: 'held-back',
    text: formatInputProblem(definition, { level: 'error', message }),
  };
}

function bundleProblem(definition: InputDefinition, problem: BundleProblem): Problem {
  const { level, code } = problem;
  return { level, code, text: describeBundleProblem(definition, problem) };
}
