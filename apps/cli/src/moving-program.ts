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
}
