import type { Command } from 'commander';
import type { Context } from './context.ts';
import type { ExitCode } from './exit.ts';
import { HOME, JSON_FLAG, wholeNumber } from './options.ts';

const COLLECTOR = ['<collector>', 'an id, or a part that fits one alone'] as const;

/** `pythond status`, `pythond runs`, `pythond logs`: what a fleet does, and why not. */
export function addWatching(program: Command, context: Context, onEnd: (code: ExitCode) => void): void {
  program
    .command('status')
    .description('whether a running fleet is healthy, on one screen, and where to look if not')
    .option(...HOME)
    .option(...JSON_FLAG)
    .addHelpText(
      'after',
      '\nExit code 1: it is not healthy; the first line says why.\n\nExamples:\n  $ pythond status\n  $ pythond status --json',
    )
    .action(async (flags) => {
      const { status } = await import('./commands/status.ts');
      onEnd(await status(context, flags));
    });
  program
    .command('runs')
    .description('the newest runs of a collector, newest first')
    .argument(...COLLECTOR)
    .option(...HOME)
    .option(...JSON_FLAG)
    .option('--limit <n>', 'how many, at most 1000', wholeNumber(1, 1_000), 20)
    .option('--failed', 'only those that did not succeed')
    .addHelpText('after', '\nExamples:\n  $ pythond runs Demo\n  $ pythond runs Demo --failed --limit 5')
    .action(async (collector: string, flags) => {
      const { runs } = await import('./commands/runs.ts');
      onEnd(await runs(context, collector, flags));
    });
  program
    .command('logs')
    .description('what the newest runs of a collector printed, with tracebacks, the newest last')
    .argument(...COLLECTOR)
    .option(...HOME)
    .option(...JSON_FLAG)
    .option('-f, --follow', 'go on with every run that ends, until Ctrl-C; JSON is an object a line then')
    .option('--run <run>', 'this one: its id, or what its time begins with, as `pythond runs` shows it')
    .addHelpText(
      'after',
      '\nExamples:\n  $ pythond logs Demo\n  $ pythond logs Demo -f\n  $ pythond logs Demo --run 2026-01-31T03:14',
    )
    .action(async (collector: string, flags) => {
      const { logs } = await import('./commands/logs.ts');
      onEnd(await logs(context, collector, flags));
    });
}
