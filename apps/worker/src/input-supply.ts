import { type BundleCache, BundleError, type BundleErrorCode, type BundleLease } from '@pythond/bundles';
import { expandEnvs, formatProblem, resolveTags, type ValueProblem } from '@pythond/config';
import type { BundleDigest, InputRecord, Seal } from '@pythond/jobs';
import { type HostSpec, resolveInterpreter } from '@pythond/runner';
import type { Confinement } from '@pythond/sandbox';
import type { ConfineRequest } from './confine-input.ts';
import { InputUnavailableError } from './input-unavailable.ts';
import type { Admitted, InputRecords, Purpose, Use } from './trusted-records.ts';

/** An input made ready on this worker: its bundle unpacked, its environment and interpreter resolved. */
export interface OpenInput {
  readonly record: InputRecord;
  /** null: its record need not be signed. */
  readonly seal: Seal | null;
  readonly spec: HostSpec;
  readonly tags: Readonly<Record<string, string>>;
  /** What is odd about it, for every run's record: a variable that could not be expanded, say. */
  readonly warnings: readonly { readonly code: string; readonly message: string }[];
}

const AMISS: ReadonlySet<BundleErrorCode> = new Set(['bundle-corrupt', 'bundle-missing']);

export interface InputSupplyOptions {
  readonly records: InputRecords;
  readonly bundles: Pick<BundleCache, 'acquire'>;
  /** Told of a bundle that Redis does not have as it was put there. */
  readonly onAmiss?: (bundle: BundleDigest) => void;
  /** The worker's own environment: what `$NAME` in `envs` may expand to, by the allow-list. */
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly secretsDirs: readonly string[];
  /** What this machine is called: what `scope = "host"` reports is about it. */
  readonly host: string;
  /** What the runs of an input may do here. */
  readonly confine: (request: ConfineRequest) => Promise<Confinement>;
  /** An existing empty folder; a relative `cmd` counts from there, not from wherever the worker was started. */
  readonly cwd: string;
}

interface Opened {
  readonly ready: Promise<{ readonly input: OpenInput; readonly lease: BundleLease }>;
  readonly sinceMs: number;
  /** When its signature ends, milliseconds since 1970. */
  endsMs: number;
}

const MAX_OPEN = 512;
/** Secrets and interpreters change under a running worker; this is how long it may take to notice. */
const REOPEN_AFTER_MS = 5 * 60_000;

/**
 * Opens inputs once and keeps them, so that a tick finds everything ready.
 *
 * An input is *opening* (callers share the promise), then *open* until it is too old or the least recently used of
 * too many; a failure to open is not kept. Its bundle stays on the disk as long as it is open.
 */
export class InputSupply {
  readonly #options: InputSupplyOptions;
  readonly #open = new Map<string, Opened>();

  constructor(options: InputSupplyOptions) {
    this.#options = options;
  }

  /**
   * What its processes may do depends on what they are for: a resident may accept connections. Whether its record may be
   * acted on is looked at every time.
   *
   * @throws InputUnavailableError, InterpreterError, SandboxProbeError
   */
  async open(input: string, number: number, purpose: Purpose = 'runs', use: Use = 'act'): Promise<OpenInput> {
    const key = `${purpose} ${number} ${input}`;
    const opened = this.#fresh(key) ?? this.#start(input, number, purpose);
    this.#open.delete(key); // to the end: the first is the least recently used
    this.#open.set(key, opened);
    this.#evict();
    try {
      const open = (await opened.ready).input;
      this.#options.records.check(open, use);
      return open;
    } catch (error) {
      this.#close(key, opened);
      throw error;
    }
  }

  /** What is to run an input, as far as it may be run at all; else null. */
  async cmdOf(input: string, number: number): Promise<string | null> {
    const { records } = this.#options;
    try {
      const admitted = await records.admit(input, number, 'runs');
      records.check(admitted, 'discover');
      return admitted.record.cmd;
    } catch (error) {
      if (error instanceof InputUnavailableError) return null;
      throw error;
    }
  }

  #fresh(key: string): Opened | undefined {
    const known = this.#open.get(key);
    if (!known) return undefined;
    // one that has ended may have been renewed since
    if (performance.now() - known.sinceMs < REOPEN_AFTER_MS && Date.now() < known.endsMs) return known;
    this.#close(key, known);
    return undefined;
  }

  #start(input: string, number: number, purpose: Purpose): Opened {
    const admitted = this.#options.records.admit(input, number, purpose);
    const ready = admitted.then((one) => this.#prepare(one, purpose));
    const opened: Opened = { ready, sinceMs: performance.now(), endsMs: Number.POSITIVE_INFINITY };
    const noteEnd = ({ seal }: Admitted) => {
      if (seal) opened.endsMs = seal.endsMs;
    };
    void admitted.then(noteEnd, () => undefined); // whoever waits for `ready` is told
    return opened;
  }

  close(): void {
    for (const [key, opened] of this.#open) this.#close(key, opened);
  }

  #close(key: string, opened: Opened): void {
    void opened.ready.then(({ lease }) => lease.release()).catch(() => undefined); // never opened: nothing to give back
    if (this.#open.get(key) === opened) this.#open.delete(key);
  }

  #evict(): void {
    for (const [key, opened] of this.#open) {
      if (this.#open.size <= MAX_OPEN) return;
      this.#close(key, opened);
    }
  }

  async #prepare({ record: stored, seal }: Admitted, purpose: Purpose) {
    const record = purpose === 'resident' ? asResident(stored) : stored;
    const { environment, warnings } = await this.#environment(record);
    const tags = await this.#tags(record);
    const { cwd, env } = this.#options;
    const path = env['PATH'] ?? '';
    const interpreter = await resolveInterpreter({
      cmd: record.cmd,
      environment,
      path,
      cwd,
    });
    const lease = await this.#bundle(record);
    try {
      const { modules, roots } = record;
      const { root: bundleRoot } = lease;
      const policy = await this.#options.confine({ record, interpreter, environment, bundleRoot });
      const spec: HostSpec = {
        ...{ input: record.key, interpreter, environment, bundleRoot, modules, roots, policy },
      };
      const odd = record.policy.sandbox === 'none' ? [...warnings, notConfined] : warnings;
      return { input: { record, seal, tags, warnings: odd, spec }, lease };
    } catch (error) {
      lease.release();
      throw error;
    }
  }

  async #environment(record: InputRecord) {
    const { env, secretsDirs } = this.#options;
    const { environment, problems } = await expandEnvs({
      envs: record.envs,
      envAllow: record.policy.envAllow,
      env,
      secretsDirs,
    });
    const error = problems.find(({ level }) => level === 'error');
    if (error) throw new InputUnavailableError(error.code, formatProblem(error));
    return { environment, warnings: problems.map(toWarning) };
  }

  async #tags(record: InputRecord): Promise<Readonly<Record<string, string>>> {
    const { tags, problems } = await resolveTags({
      tags: record.tags,
      secretsDirs: this.#options.secretsDirs,
    });
    const [problem] = problems;
    if (problem) throw new InputUnavailableError(problem.code, formatProblem(problem));
    return record.scope === 'host' ? { host: this.#options.host, ...tags } : tags;
  }

  async #bundle(record: InputRecord): Promise<BundleLease> {
    try {
      return await this.#options.bundles.acquire(record.bundle);
    } catch (cause) {
      if (!(cause instanceof BundleError)) throw cause;
      if (AMISS.has(cause.code)) this.#options.onAmiss?.(record.bundle);
      throw new InputUnavailableError(cause.code, cause.message, { cause });
    }
  }
}

/** A resident serves as long as it is wanted: it may listen, and no amount of CPU time is its end. */
export function asResident(record: InputRecord): InputRecord {
  return { ...record, policy: { ...record.policy, listen: true, cpuMs: null } };
}

const notConfined = {
  code: 'not-confined',
  message: 'NOT CONFINED: sandbox = "none" in its block gives it all rights of the worker',
};

function toWarning({ code, message, hint }: ValueProblem): { code: string; message: string } {
  return { code, message: hint === null ? message : `${message}; ${hint}` };
}
