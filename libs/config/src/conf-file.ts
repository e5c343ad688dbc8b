import { lineIndex } from './edits.ts';
import { expandConf, type Surroundings } from './expand-conf.ts';
import { type BlockPlace, isPath, type LocatedText, locate, locateBlocks } from './locate-blocks.ts';
import { isTable, parseToml, type Table } from './parse-toml.ts';
import type { ConfigProblem, ProblemCode, ProblemLevel } from './problem.ts';
import { MAX_DEPTH, outline } from './toml-outline.ts';

/** One `[[inputs.pythond]]` as it stands in its file, nothing checked yet. */
export interface RawBlock {
  /** As shown in messages. */
  readonly file: string;
  /** Counted from 1. */
  readonly number: number;
  /** null: what should be a table is something else. */
  readonly table: Table | null;
  readonly place: BlockPlace;
  /** Whether anything in the file was expanded. */
  readonly expanded: boolean;
  /** Why an `ENC[file:…]` still stands in the table. */
  readonly failures: ReadonlyMap<string, string>;
}

export interface ConfFile {
  readonly blocks: readonly RawBlock[];
  readonly problems: readonly ConfigProblem[];
}

const MAX_REPORTED_PLACES = 3;

/** Finds the pythond blocks in the text of a conf file that mentions pythond; other inputs in it are left alone. */
export async function parseConf(file: string, original: string, around: Surroundings): Promise<ConfFile> {
  const problem = problemsOf(file);
  const written = outline(original);
  if (written.tooDeepAt !== null) {
    return alone(
      problem('too-deep', lineIndex(original)(written.tooDeepAt), `is nested deeper than ${MAX_DEPTH}`),
    );
  }
  const { edits, failures } = await expandConf(original, written, around);
  const located = locate(original, written, edits);
  const parsed = parseToml(located.edited.text);
  if (!parsed.ok) {
    const line = located.lineOf(offsetOf(located.edited.text, parsed.line, parsed.column));
    return alone(problem('toml', line, `is not valid TOML here: ${parsed.reason}`));
  }
  const { inputs } = parsed.table;
  const pythond = isTable(inputs) ? inputs['pythond'] : undefined;
  if (pythond === undefined) return { blocks: [], problems: misplaced(located, problem) };
  const single = isTable(pythond);
  if (!single && !Array.isArray(pythond)) return alone(notAList(located, problem));
  const list: readonly unknown[] = single ? [pythond] : pythond;
  const expanded = edits.length > 0;
  const places = locateBlocks(located, list.length);
  const blocks = places.map((place, i) => {
    const table = list[i];
    return { file, number: i + 1, table: isTable(table) ? table : null, place, expanded, failures };
  });
  return { blocks, problems: single ? [singleBrackets(located, problem)] : [] };
}

type Report = (
  code: ProblemCode,
  line: number,
  message: string,
  hint?: string,
  level?: ProblemLevel,
) => ConfigProblem;

function problemsOf(file: string): Report {
  return (code, line, message, hint, level = 'error') => ({
    ...{ level, code, file, line, block: null, name: null, key: null },
    message: `the file ${message}`,
    hint: hint ?? null,
  });
}

function alone(problem: ConfigProblem): ConfFile {
  return { blocks: [], problems: [problem] };
}

/** DataKit takes it for one block; a second one would be a TOML error that names neither. */
function singleBrackets(located: LocatedText, problem: Report): ConfigProblem {
  const message = 'has its block in single brackets, [inputs.pythond]';
  const hint = 'write [[inputs.pythond]], with double brackets';
  return problem('single-brackets', headerLine(located), message, hint, 'warning');
}

function notAList(located: LocatedText, problem: Report): ConfigProblem {
  const message = 'sets inputs.pythond to a value';
  return problem('not-a-table', headerLine(located), message, 'write [[inputs.pythond]] and its keys below');
}

function headerLine(located: LocatedText): number {
  const header = located.outline.headers.find(({ path }) => path[0] === 'inputs' && path[1] === 'pythond');
  return located.lineOf(header?.start ?? 0);
}

/** A table that was surely meant to be a block: `[[pythond]]`, `[[input.pythond]]`, `[[inputs.Pythond]]`. */
function misplaced(located: LocatedText, problem: Report): ConfigProblem[] {
  const named = ({ path }: { path: readonly string[] }) =>
    path.length <= 2 && path.at(-1)?.toLowerCase() === 'pythond' && !isPath(path, ['inputs', 'pythond']);
  return located.outline.headers
    .filter(named)
    .slice(0, MAX_REPORTED_PLACES)
    .map((header) => {
      const message = 'has a table here that looks like a pythond block and is none';
      return problem(
        'misplaced-block',
        located.lineOf(header.start),
        message,
        'write [[inputs.pythond]]',
        'warning',
      );
    });
}

function offsetOf(text: string, line: number, column: number): number {
  let start = 0;
  for (let n = 1; n < line; n++) start = text.indexOf('\n', start) + 1;
  return Math.min(start + column - 1, text.length);
}
