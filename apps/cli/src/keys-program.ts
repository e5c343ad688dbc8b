import type { Command } from 'commander';
import type { Context } from './context.ts';
import type { ExitCode } from './exit.ts';
import { JSON_FLAG } from './options.ts';

/** `pythond keys …`: what schedulers sign with and workers believe. */
export function addKeys(program: Command, context: Context, onEnd: (code: ExitCode) => void): void {
  const keys = program
    .command('keys')
    .description('keys by which workers know what schedulers have signed')
    .addHelpText('after', '\nExample:\n  $ pythond keys new /etc/pythond/fleet');
  keys
    .command('new')
    .description('make a pair: NAME.key, private, for schedulers, and NAME.pub, public, for workers')
    .argument('[name]', 'where, without the ending; files that are there are never overwritten', 'fleet')
    .option(...JSON_FLAG)
    .addHelpText('after', '\nExamples:\n  $ pythond keys new\n  $ pythond keys new /etc/pythond/fleet')
    .action(async (name: string, flags) => {
      const { keysNew } = await import('./commands/keys.ts');
      onEnd(await keysNew(context, name, flags));
    });
}
