import process from 'node:process';
import type { Command } from 'commander';
import type { Context } from './context.ts';
import type { ExitCode } from './exit.ts';
import { HOME, JSON_FLAG } from './options.ts';

/** `pythond doctor`, `pythond import`, `pythond new`: what comes before a fleet runs. */
export function addMoving(program: Command, context: Context, onEnd: (code: ExitCode) => void): void {
  program
    .command('doctor')
    .description('what a fleet of this home needs, tried; what in its scripts to see to')
    .option(...HOME)
    .option(...JSON_FLAG)
    .addHelpText(
      'after',
      `
Nothing of the scripts is run: \`pythond check\` does that. Exit code 1: something
has to be done (✘); what is only to be looked at (!) leaves it 0.

Examples:
  $ pythond doctor
  $ pythond doctor --home /usr/local/datakit --json`,
    )
    .action(async (flags) => {
      const { doctor } = await import('./commands/doctor.ts');
      onEnd(await doctor(context, flags));
    });
  program
    .command('import')
    .description('take over the collectors of a DataKit: conf.d and python.d')
    .argument('<path>', 'the folder of that DataKit, such as /usr/local/datakit')
    .option(...HOME)
    .option(...JSON_FLAG)
    .option('--yes', 'do it without asking')
    .addHelpText(
      'after',
      `
Shows first what it would do: the files, and the keys for what goes otherwise
than under DataKit, each with its reason. Overwrites nothing. Without a terminal
and without --yes nothing is changed.

Examples:
  $ pythond import /usr/local/datakit
  $ pythond import /usr/local/datakit --home /srv/pythond --yes`,
    )
    .action(async (path: string, flags) => {
      const { importHome } = await import('./commands/import.ts');
      onEnd(await importHome(context, path, flags, process.stdin));
    });
  program
    .command('new')
    .description('a collector from a template, its block, and a test for it')
    .argument('<name>', 'a letter, then letters, digits and _')
    .option(...HOME)
    .option(...JSON_FLAG)
    .addHelpText('after', '\nExample:\n  $ pythond new disk_usage\n  $ pythond check disk_usage')
    .action(async (name: string, flags) => {
      const { newCollector } = await import('./commands/new.ts');
      onEnd(await newCollector(context, name, flags));
    });
}
