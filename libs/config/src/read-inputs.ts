import { basename, join, relative, resolve, sep } from 'node:path';
import type { InputDefinition } from '@pythond/jobs';
import { type ConfFile, parseConf } from './conf-file.ts';
import { type DatakitConf, readDatakitConf } from './datakit-conf.ts';
import { isUtf16 } from './decode-conf.ts';
import type { Surroundings } from './expand-conf.ts';
import { inputKeys } from './input-keys.ts';
import type { ConfigProblem } from './problem.ts';
import { type BlockReading, readBlock } from './read-block.ts';
import { readTextFile } from './read-text-file.ts';
import { defaultSecretsDirs, secretReader } from './secret-file.ts';
import { walkConf } from './walk-conf.ts';

export interface ReadInputsOptions {
  /** The folder that holds `conf.d`. */
  readonly home: string;
  /** Where `$NAME` in a conf file comes from. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Where `ENC[file:…]` may read, outside of `envs` and `tags`; default: {@link defaultSecretsDirs}. */
  readonly secretsDirs?: readonly string[];
}

export interface Inputs {
  readonly inputs: readonly InputDefinition[];
  /** In the order of files and lines, warnings among errors. */
  readonly problems: readonly ConfigProblem[];
  readonly datakitConf: DatakitConf;
  /** Every file that was looked at, relative to the home. */
  readonly files: readonly string[];
}

/**
 * Reads every `[[inputs.pythond]]` block of a home's `conf.d`. It never throws: what can't be read or used is a
 * problem, and everything else is used.
 */
export async function readInputs(options: ReadInputsOptions): Promise<Inputs> {
  const { env, secretsDirs = defaultSecretsDirs(options.home) } = options;
  const home = resolve(options.home);
  const root = join(home, 'conf.d');
  const mainConf = join(root, 'datakit.conf');
  const walk = await walkConf(root);
  const reader = new ConfReader(home, { env, readSecret: secretReader(secretsDirs) });
  const datakit = walk.files.includes(mainConf)
    ? await readDatakitConf(mainConf, reader.shown(mainConf))
    : null;
  for (const path of walk.files) if (path !== mainConf) await reader.read(path);
  const { inputs, problems } = keyed(reader.blocks);
  const walkProblems = walk.problems.map(({ path, ...rest }) =>
    fileProblem({ file: reader.shown(path), ...rest }),
  );
  return {
    inputs,
    problems: [...walkProblems, ...(datakit?.problems ?? []), ...reader.problems, ...problems],
    datakitConf: datakit?.conf ?? { url: null, gitRepos: null },
    files: walk.files.map((path) => reader.shown(path)),
  };
}

class ConfReader {
  readonly blocks: BlockReading[] = [];
  readonly problems: ConfigProblem[] = [];
  readonly #home: string;
  readonly #around: Surroundings;
  /** By the digest of its content: the file that was read first. */
  readonly #seen = new Map<string, string>();

  constructor(home: string, around: Surroundings) {
    this.#home = home;
    this.#around = around;
  }

  async read(path: string): Promise<void> {
    const file = this.shown(path);
    const reading = await readTextFile(path, mentionsPythond);
    if (reading === null) return;
    if (!reading.ok) {
      const { code, message, hint } = reading;
      this.problems.push(fileProblem({ level: 'error', code, file, message: `the file ${message}`, hint }));
    } else if (!this.#isCopy(file, reading.sha256)) {
      this.#take(await parseConf(file, reading.text, this.#around));
    }
  }

  shown(path: string): string {
    const within = relative(this.#home, path);
    return within === '..' || within.startsWith(`..${sep}`) ? path : within;
  }

  /** DataKit ignores a file of the same content as an earlier one, so that a copy left behind runs nothing twice. */
  #isCopy(file: string, digest: string): boolean {
    const first = this.#seen.get(digest);
    if (first === undefined) {
      this.#seen.set(digest, file);
      return false;
    }
    const message = `the file is a copy of ${first} and is ignored, as in DataKit`;
    const hint = 'remove one of them';
    this.problems.push(fileProblem({ level: 'warning', code: 'duplicate-file', file, message, hint }));
    return true;
  }

  #take({ blocks, problems }: ConfFile): void {
    for (const problem of problems) this.problems.push(problem);
    for (const raw of blocks) {
      const block = readBlock(raw, this.#around.env);
      this.blocks.push(block);
      for (const problem of block.problems) this.problems.push(problem);
    }
  }
}

/** Files of other inputs are not even parsed. UTF-16 hides the word from a search for its bytes. */
function mentionsPythond(bytes: Buffer): boolean {
  const text = isUtf16(bytes) ? bytes.toString('latin1').replaceAll('\0', '') : bytes.toString('latin1');
  return text.toLowerCase().includes('pythond');
}

function keyed(blocks: readonly BlockReading[]): { inputs: InputDefinition[]; problems: ConfigProblem[] } {
  const named = blocks.flatMap((block) => (block.name === null ? [] : [{ block, name: block.name }]));
  const keys = inputKeys(named.map(({ block, name }) => ({ name, file: basename(block.source.file) })));
  const inputs: InputDefinition[] = [];
  const problems: ConfigProblem[] = [];
  for (const [i, { key, numbered }] of keys.entries()) {
    const block = named[i]?.block;
    if (!block?.definition) continue;
    inputs.push({ key, ...block.definition });
    if (numbered) problems.push(sameName(block, key));
  }
  return { inputs, problems };
}

function sameName({ source, shownName }: BlockReading, key: string): ConfigProblem {
  const { file, line, block } = source;
  const known = shownName === null ? '' : `; this one is ${key}`;
  return {
    ...{ level: 'warning', code: 'same-name', file, line, block, name: shownName, key: 'name' },
    message: `another block of this name stands in a file of this name${known}`,
    hint: 'give each block a name of its own: this number depends on their order',
  };
}

function fileProblem(
  problem: Pick<ConfigProblem, 'level' | 'code' | 'file' | 'message' | 'hint'>,
): ConfigProblem {
  return { ...problem, line: null, block: null, name: null, key: null };
}
