import { basename, join, relative, resolve } from 'node:path';
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
import { type WalkProblem, walkConf } from './walk-conf.ts';

export interface ReadInputsOptions {
  /** The folder that holds `conf.d`. */
  readonly home: string;
  /** Where `$NAME` in a conf file comes from. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Where `ENC[file:…]` may read, outside of `envs` and `tags`; default: {@link defaultSecretsDirs}. */
  readonly secretsDirs?: readonly string[];
  /** Where conf files are, instead of the home's own `conf.d`: those of git repos. `datakit.conf` stays the home's. */
  readonly confDs?: readonly ConfD[];
  /** Inputs that are known from an earlier reading, for when their file can't be read now. */
  readonly remembered?: readonly RememberedInput[];
}

export interface ConfD {
  readonly path: string;
  /** What messages call it, such as `gitrepos/shop/conf.d`. */
  readonly shown: string;
}

/** What an earlier reading found of an input. */
export interface RememberedInput {
  readonly key: string;
  readonly name: string;
  /** The file of its block, as it was shown. */
  readonly file: string;
}

export interface Inputs {
  readonly inputs: readonly InputDefinition[];
  /**
   * Keys of inputs that are asked for in a way that can't be read now: their block has an error, or their file can't
   * be read or parsed. Nobody removed them.
   */
  readonly unread: readonly string[];
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
  const { env, secretsDirs = defaultSecretsDirs(options.home), remembered = [] } = options;
  const home = resolve(options.home);
  const own = { path: join(home, 'conf.d'), shown: 'conf.d' };
  const mainConf = join(own.path, 'datakit.conf');
  const datakit = await readDatakitConf(mainConf, join(own.shown, 'datakit.conf'));
  const reader = new ConfReader({ env, readSecret: secretReader(secretsDirs) });
  const files: string[] = [];
  for (const confD of options.confDs ?? [own]) {
    const walk = await walkConf(confD.path);
    const shown = (path: string) => join(confD.shown, relative(confD.path, path));
    files.push(...walk.files.map(shown));
    for (const problem of walk.problems) reader.missed(shown(problem.path), problem);
    for (const path of walk.files) if (path !== mainConf) await reader.read(path, shown(path));
  }
  const { inputs, problems, unread } = keyed(reader, remembered);
  return {
    ...{ inputs, unread, files },
    problems: [...reader.walkProblems, ...datakit.problems, ...reader.problems, ...problems],
    datakitConf: datakit.conf,
  };
}

class ConfReader {
  readonly blocks: BlockReading[] = [];
  readonly problems: ConfigProblem[] = [];
  readonly walkProblems: ConfigProblem[] = [];
  /** Files of which no block is known, and folders of which no file is. */
  readonly unread = new Set<string>();
  readonly #around: Surroundings;
  /** By the digest of its content: the file that was read first. */
  readonly #seen = new Map<string, string>();

  constructor(around: Surroundings) {
    this.#around = around;
  }

  /** A folder that could not be looked through. */
  missed(folder: string, { level, code, message, hint }: Omit<WalkProblem, 'path'>): void {
    this.walkProblems.push(fileProblem({ level, code, file: folder, message, hint }));
    this.unread.add(`${folder}/`);
  }

  async read(path: string, file: string): Promise<void> {
    const reading = await readTextFile(path, mentionsPythond);
    if (reading === null) return;
    if (!reading.ok) {
      const { code, message, hint } = reading;
      this.problems.push(fileProblem({ level: 'error', code, file, message: `the file ${message}`, hint }));
      this.unread.add(file);
    } else if (!this.#isCopy(file, reading.sha256)) {
      this.#take(file, await parseConf(file, reading.text, this.#around));
    }
  }

  /** Whether what a file of this name asks for can't be told. */
  isUnread(file: string): boolean {
    return this.unread.has(file) || [...this.unread].some((one) => one.endsWith('/') && file.startsWith(one));
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

  #take(file: string, { blocks, problems }: ConfFile): void {
    for (const problem of problems) this.problems.push(problem);
    if (problems.some(({ level }) => level === 'error')) this.unread.add(file);
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

interface Keyed {
  readonly inputs: InputDefinition[];
  readonly problems: ConfigProblem[];
  readonly unread: string[];
}

/** A block as far as its key is concerned: of a file that can't be read, what is remembered of it. */
type NamedPlace = { readonly name: string; readonly file: string } & (
  | { readonly block: BlockReading; readonly known?: undefined }
  | { readonly known: RememberedInput; readonly block?: undefined }
);

function keyed(reader: ConfReader, remembered: readonly RememberedInput[]): Keyed {
  const named: NamedPlace[] = reader.blocks.flatMap((block) =>
    block.name === null ? [] : [{ block, name: block.name, file: basename(block.source.file) }],
  );
  for (const known of stillAsked(reader, remembered))
    named.push({ known, name: known.name, file: basename(known.file) });
  const inputs: InputDefinition[] = [];
  const problems: ConfigProblem[] = [];
  const unread: string[] = [];
  for (const [i, { key, numbered }] of inputKeys(named).entries()) {
    const place = named[i];
    if (place?.known) unread.push(place.known.key);
    else if (!place?.block.definition) unread.push(key);
    else {
      inputs.push({ key, ...place.block.definition });
      if (numbered) problems.push(sameName(place.block, key));
    }
  }
  const defined = new Set(inputs.map(({ key }) => key));
  return { inputs, problems, unread: unread.filter((key) => !defined.has(key)) };
}

/**
 * Known inputs whose block nobody can have removed: of files that can't be read, and of blocks that lost their name
 * (then any of the file's that is not there by its name may be the one).
 */
function stillAsked(reader: ConfReader, remembered: readonly RememberedInput[]): RememberedInput[] {
  const nameless = new Set(
    reader.blocks.filter(({ name }) => name === null).map(({ source }) => source.file),
  );
  const there = new Set(reader.blocks.map(({ source, name }) => JSON.stringify([source.file, name])));
  return remembered.filter(
    ({ file, name }) =>
      reader.isUnread(file) || (nameless.has(file) && !there.has(JSON.stringify([file, name]))),
  );
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
