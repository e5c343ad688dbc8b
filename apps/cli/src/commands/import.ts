import { stat } from 'node:fs/promises';
import path from 'node:path';
import { createInterface } from 'node:readline/promises';
import { type Context, type HomeFlags, settingsOf } from '../context.ts';
import { CommandError, type ExitCode, exitCodes } from '../exit.ts';
import { type CarriedOut, carryOut } from '../import/carry-out.ts';
import { makePlan, type Plan, type PlannedFile } from '../import/plan.ts';
import { oneLine } from '../printable.ts';
import { tomlOf } from '../survey/finding.ts';
import { print, printJson, type Terminal, wrap } from '../terminal.ts';
import { corePath } from '../version.ts';

export interface ImportFlags extends HomeFlags {
  readonly json?: boolean;
  /** Without asking. */
  readonly yes?: boolean;
}

/** `pythond import PATH`: takes over the collectors of a DataKit; shows first what that does, and overwrites nothing. */
export async function importHome(
  context: Context,
  from: string,
  flags: ImportFlags,
  input: NodeJS.ReadStream,
): Promise<ExitCode> {
  const { terminal, env } = context;
  const { home } = await settingsOf(context, { ...(flags.home ? { home: flags.home } : {}) });
  const source = path.resolve(context.cwd, from);
  await requireSource(source, home);
  const plan = await makePlan({ source, home, env, corePath });
  if (plan.confs.length === 0)
    throw new CommandError(
      `There is nothing to take over: ${source}/conf.d has no [[inputs.pythond]] block.`,
    );
  if (!flags.json) printPlan(terminal, plan);
  const isWanted = flags.yes || (!flags.json && (await isConfirmed(context, plan, input)));
  const done = isWanted ? await carryOut(plan) : null;
  if (flags.json) printJson(terminal, { ...plan, done });
  else if (done) printDone(terminal, plan, done);
  else print(terminal, 'Nothing was changed. `--yes` does it.');
  return done && (stands(plan).length > 0 || done.left.length > 0) ? exitCodes.failed : exitCodes.ok;
}

async function requireSource(source: string, home: string): Promise<void> {
  if (source === home) throw new CommandError(`${source} is the home itself; name that of a DataKit.`);
  const found = await stat(path.join(source, 'conf.d')).catch(() => null);
  if (found?.isDirectory()) return;
  throw new CommandError(
    `${source} has no conf.d, so it is no installation of DataKit; that is in /usr/local/datakit as a rule.`,
  );
}

/** Only a person at a terminal is asked; a script says --yes. */
async function isConfirmed(
  { terminal, signal }: Context,
  plan: Plan,
  input: NodeJS.ReadStream,
): Promise<boolean> {
  if (!input.isTTY || [...plan.scripts, ...plan.confs].every(({ state }) => state !== 'copy')) return false;
  const asking = createInterface({ input, output: terminal.out });
  const closed = new Promise<string>((resolve) => asking.once('close', () => resolve('')));
  try {
    const answer = await Promise.race([asking.question('Do this? [y/N] ', { signal }), closed]);
    return /^\s*y(?:es)?\s*$/i.test(answer);
  } catch {
    return false; // Ctrl-C
  } finally {
    asking.close();
  }
}

function stands({ scripts, confs }: Plan): PlannedFile[] {
  return [...confs, ...scripts].filter(({ state }) => state === 'in-the-way');
}

const MOST_SCRIPTS = 20;

function printPlan(terminal: Terminal, plan: Plan): void {
  const { colors } = terminal;
  const { source, home, confs, scripts, keys, seeTo } = plan;
  paragraph(terminal, `From ${source} to ${home}:`);
  const copies = [...confs, ...scripts].filter(({ state }) => state === 'copy');
  for (const { file } of copies.slice(0, MOST_SCRIPTS)) paragraph(terminal, file, `  ${colors.green('+')} `);
  if (copies.length > MOST_SCRIPTS) print(terminal, `  … and ${copies.length - MOST_SCRIPTS} more files`);
  const same = [...confs, ...scripts].filter(({ state }) => state === 'same').length;
  if (same > 0) print(terminal, `  ${same} ${same === 1 ? 'file is' : 'files are'} there already, the same.`);
  for (const { file } of stands(plan)) {
    paragraph(
      terminal,
      `${file} is in the way: the home has another one, which stays`,
      `  ${colors.red('✘')} `,
    );
  }
  if (keys.length > 0)
    print(terminal, '\nKeys to be written, for what would go otherwise than under DataKit:');
  for (const key of keys) {
    paragraph(terminal, `${key.file}:${key.line}: ${tomlOf(key)}`, `  ${colors.green('+')} `);
    for (const { file, line, message } of key.reasons)
      paragraph(terminal, `${file}${line === null ? '' : `:${line}`}: ${message}`, '      ');
  }
  if (seeTo.length > 0) print(terminal, '\nTo see to yourself:');
  for (const text of seeTo) paragraph(terminal, text, `  ${colors.yellow('!')} `);
  print(terminal);
}

/** The first line begins with `mark`, the others as far to the right. */
function paragraph(terminal: Terminal, text: string, mark = ''): void {
  const width = mark === '' ? 0 : mark.trim() === '' ? mark.length : 4;
  for (const [index, line] of wrap(oneLine(text), terminal.columns - width).entries()) {
    print(terminal, `${index === 0 ? mark : ' '.repeat(width)}${line}`);
  }
}

function printDone(terminal: Terminal, plan: Plan, { copied, left }: CarriedOut): void {
  const { colors } = terminal;
  print(terminal, `${colors.green('✔')} ${copied.length} ${copied.length === 1 ? 'file' : 'files'} copied.`);
  for (const key of left)
    paragraph(terminal, `${key.file}:${key.line}: write ${tomlOf(key)} yourself`, `${colors.red('✘')} `);
  const count = stands(plan).length;
  if (count > 0)
    print(terminal, `${colors.red('✘')} ${count} ${count === 1 ? 'file was' : 'files were'} in the way.`);
  paragraph(
    terminal,
    `Next: \`pythond check --home ${plan.home}\` runs each collector once and sends nothing.`,
  );
}
