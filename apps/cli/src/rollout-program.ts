import type { Command } from 'commander';
import type { Context } from './context.ts';
import type { ExitCode } from './exit.ts';
import { HOME, JSON_FLAG, wholeNumber } from './options.ts';

const VERSION = wholeNumber(1, Number.MAX_SAFE_INTEGER);

/** `pythond rollout …`: the versions of inputs. */
export function addRollout(program: Command, context: Context, onEnd: (code: ExitCode) => void): void {
  const rollout = program
    .command('rollout')
    .description('the versions of inputs: which one runs, which one is held back and why')
    .addHelpText(
      'after',
      '\nExamples:\n  $ pythond rollout ls\n  $ pythond rollout rollback web\n  $ pythond rollout promote web',
    );
  rollout
    .command('ls')
    .description('of each input the version in force and the newest; of one, all that are kept')
    .argument('[input]', 'the key of an input, as collector ids begin with')
    .option(...HOME)
    .option(...JSON_FLAG)
    .option('--all', 'every version that is kept')
    .addHelpText('after', '\nExamples:\n  $ pythond rollout ls\n  $ pythond rollout ls web --json')
    .action(async (input: string | undefined, flags) => {
      const { rolloutLs } = await import('./commands/rollout.ts');
      onEnd(await rolloutLs(context, input, flags));
    });
  rollout
    .command('rollback')
    .description('an earlier version again, under a new number; it stays until the files change')
    .argument('<input>', 'the key of an input')
    .argument('[number]', 'of the version (default: the last one that was in force and differs)', VERSION)
    .option(...HOME)
    .option(...JSON_FLAG)
    .addHelpText('after', '\nExamples:\n  $ pythond rollout rollback web\n  $ pythond rollout rollback web 7')
    .action(async (input: string, number: number | undefined, flags) => {
      const { rolloutRollback } = await import('./commands/rollout.ts');
      onEnd(await rolloutRollback(context, input, number, flags));
    });
  rollout
    .command('promote')
    .description('take a version that is held back as it is; collectors that fail to import in it end')
    .argument('<input>', 'the key of an input')
    .argument('[number]', 'of the version (default: the one that is held back)', VERSION)
    .option(...HOME)
    .option(...JSON_FLAG)
    .addHelpText('after', '\nExample:\n  $ pythond rollout promote web')
    .action(async (input: string, number: number | undefined, flags) => {
      const { rolloutPromote } = await import('./commands/rollout.ts');
      onEnd(await rolloutPromote(context, input, number, flags));
    });
}
