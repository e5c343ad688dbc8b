import { type Command, Option } from 'commander';
import type { Context } from './context.ts';
import type { ExitCode } from './exit.ts';
import { HOME, JSON_FLAG, wholeNumber } from './options.ts';

const ALL: [string, string] = ['--all', 'every dead letter'];
const IDS: [string, string] = ['[ids...]', 'letters by their ids, or by what those begin with'];

/** `pythond dead …`: points refused for good. */
export function addDead(program: Command, context: Context, onEnd: (code: ExitCode) => void): void {
  const dead = program
    .command('dead')
    .description('dead letters: points refused for good, to look at, replay, export, purge')
    .addHelpText(
      'after',
      '\nExamples:\n  $ pythond dead ls --since 1d\n  $ pythond dead show 3fa1\n  $ pythond dead replay --reason late',
    );
  addReading(dead, context, onEnd);
  addChanging(dead, context, onEnd);
}

function filtered(command: Command): Command {
  return command
    .option('--collector <part>', 'of collectors whose id holds this')
    .option('--reason <code>', 'that died of this, as `ls` shows it')
    .option('--category <name>', 'of this category')
    .option('--since <duration>', 'that died no longer ago: 30m, 6h, 2d')
    .option('--before <duration>', 'that died longer ago')
    .option(...HOME);
}

function addReading(dead: Command, context: Context, onEnd: (code: ExitCode) => void): void {
  filtered(dead.command('ls'))
    .description('list them, newest first')
    .option('--limit <n>', 'how many of the newest', wholeNumber(1, 100_000), 50)
    .option(...JSON_FLAG)
    .addHelpText('after', '\nExample:\n  $ pythond dead ls --collector Demo --limit 10')
    .action(async (flags) => {
      const { deadLs } = await import('./commands/dead/ls.ts');
      onEnd(await deadLs(context, flags));
    });
  dead
    .command('show')
    .description('one in full: the reason, what DataKit answered, where it is from, the points')
    .argument('<id>', 'its id, or what that begins with')
    .option(...HOME)
    .option(...JSON_FLAG)
    .addHelpText('after', '\nExample:\n  $ pythond dead show 3fa1')
    .action(async (id: string, flags) => {
      const { deadShow } = await import('./commands/dead/show.ts');
      onEnd(await deadShow(context, id, flags));
    });
  filtered(dead.command('export'))
    .description('write them to standard output')
    .addOption(
      new Option('--format <format>', 'a JSON object for each letter, or the points alone')
        .choices(['jsonl', 'line-protocol'])
        .default('jsonl'),
    )
    .addHelpText('after', '\nExample:\n  $ pythond dead export --since 1d > dead.jsonl')
    .action(async (flags) => {
      const { deadExport } = await import('./commands/dead/export.ts');
      onEnd(await deadExport(context, flags));
    });
}

function addChanging(dead: Command, context: Context, onEnd: (code: ExitCode) => void): void {
  filtered(dead.command('replay'))
    .description('send them again, with the times that their points have')
    .argument(...IDS)
    .option(...ALL)
    .option('--to <url>', 'to this DataKit, not to the one they were meant for')
    .option(...JSON_FLAG)
    .addHelpText(
      'after',
      '\nExamples:\n  $ pythond dead replay 3fa1 77c0\n  $ pythond dead replay --collector Demo\n  $ pythond dead replay --all',
    )
    .action(async (ids: string[], flags) => {
      const { deadReplay } = await import('./commands/dead/replay.ts');
      onEnd(await deadReplay(context, ids, flags));
    });
  filtered(dead.command('purge'))
    .description('end them; the ledger keeps their number')
    .argument(...IDS)
    .option(...ALL)
    .option(...JSON_FLAG)
    .addHelpText(
      'after',
      '\nExamples:\n  $ pythond dead purge 3fa1\n  $ pythond dead purge --reason late --before 7d',
    )
    .action(async (ids: string[], flags) => {
      const { deadPurge } = await import('./commands/dead/purge.ts');
      onEnd(await deadPurge(context, ids, flags));
    });
}
