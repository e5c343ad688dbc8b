import type { Command } from 'commander';
import type { Context } from './context.ts';
import type { ExitCode } from './exit.ts';
import { HOME, JSON_FLAG } from './options.ts';

const NAMES = ['[names...]', 'inputs by their keys, collectors by ids or parts of ids'] as const;

/** `pythond pause …` and `pythond resume …`. */
export function addPause(program: Command, context: Context, onEnd: (code: ExitCode) => void): void {
  program
    .command('pause')
    .description('run no ticks of a collector, an input or the fleet until resumed')
    .argument(...NAMES)
    .option(...HOME)
    .option(...JSON_FLAG)
    .option('--all', 'the whole fleet')
    .option('--reason <text>', 'why, for whoever looks at `ls` and `show`')
    .addHelpText(
      'after',
      `
Ticks that are due meanwhile are counted as skipped. A run that goes on now ends
by itself; a resident is ended. Edits and new versions change nothing about it.

Examples:
  $ pythond pause Demo --reason "the disk is being replaced"
  $ pythond pause web shop
  $ pythond pause --all --reason "database moves"`,
    )
    .action(async (names: string[], flags) => {
      const { pause } = await import('./commands/pause.ts');
      onEnd(await pause(context, names, flags));
    });
  program
    .command('resume')
    .description('lift what `pythond pause` has paused')
    .argument(...NAMES)
    .option(...HOME)
    .option(...JSON_FLAG)
    .option('--all', 'the pause of the whole fleet; those of inputs and collectors stay')
    .addHelpText(
      'after',
      `
Exit code 1: something else pauses it still, which is told with how to lift it.

Examples:
  $ pythond resume Demo
  $ pythond resume web shop
  $ pythond resume --all`,
    )
    .action(async (names: string[], flags) => {
      const { resume } = await import('./commands/pause.ts');
      onEnd(await resume(context, names, flags));
    });
}
