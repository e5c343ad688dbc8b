import type { Readable } from 'node:stream';
import {
  type Category,
  categories,
  createRunClock,
  ExactJsonError,
  isCategory,
  normalise,
  parseExactJson,
} from '@pythond/points';
import type { Context } from '../context.ts';
import { CommandError, type ExitCode, exitCodes } from '../exit.ts';
import { oneLine } from '../printable.ts';
import { print, printJson } from '../terminal.ts';

export interface NormalizeFlags {
  readonly category: string;
  readonly precision?: string;
  readonly integers?: string;
  readonly json?: boolean;
}

const MAX_INPUT_BYTES = 256 * 1024 * 1024;

/** `pythond normalize`: a JSON array of points from standard input, as what would be sent and what would be refused. */
export async function normalize(context: Context, input: Readable, flags: NormalizeFlags): Promise<ExitCode> {
  const category = categoryOf(flags.category);
  const integers = flags.integers === 'int' ? 'int' : 'float';
  const points = parse(await readAll(input), integers);
  const nowMs = Date.now();
  const clock = createRunClock({ dueMs: nowMs, startedMs: nowMs, everyMs: 1 });
  const { accepted, rejected, warnings } = normalise(points, {
    category,
    integers,
    precision: flags.precision,
    time: clock.forReport(category, `${nowMs}000000`),
  });
  const lineProtocol = accepted.map(({ line }) => line).join('\n');
  if (flags.json) printJson(context.terminal, { lineProtocol, rejected, warnings });
  else {
    if (lineProtocol) print(context.terminal, lineProtocol);
    for (const { index, code, reason } of rejected) {
      const which = index < 0 ? 'the list' : `point ${index}`;
      context.terminal.err.write(`${which} would be refused (${code}): ${oneLine(reason)}\n`);
    }
    for (const { index, code, message } of warnings) {
      context.terminal.err.write(`point ${index}: ${oneLine(message)} (${code})\n`);
    }
  }
  return rejected.length === 0 ? exitCodes.ok : exitCodes.failed;
}

function categoryOf(text: string): Category {
  if (isCategory(text)) return text;
  throw new CommandError(`--category ${text} is none of DataKit's: ${categories.join(', ')}`);
}

function parse(text: string, integers: 'int' | 'float'): unknown {
  try {
    return parseExactJson(text, { integers: integers === 'int' ? 'all' : 'big' });
  } catch (error) {
    if (!(error instanceof ExactJsonError)) throw error;
    throw new CommandError(`Standard input is not JSON: ${error.message}`, exitCodes.usage, { cause: error });
  }
}

async function readAll(input: Readable): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of input) {
    chunks.push(chunk);
    bytes += chunk.length;
    if (bytes > MAX_INPUT_BYTES)
      throw new CommandError(`Standard input is over ${MAX_INPUT_BYTES >> 20} MiB.`);
  }
  return Buffer.concat(chunks).toString();
}
