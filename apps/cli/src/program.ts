import process from 'node:process';
import { Argument, Command, Option } from 'commander';
import type { AppName } from './commands/app.ts';
import type { Context } from './context.ts';
import { addDead } from './dead-program.ts';
import type { ExitCode } from './exit.ts';
import { addKeys } from './keys-program.ts';
import { addMoving } from './moving-program.ts';
import { HOME, JSON_FLAG, wholeNumber } from './options.ts';
import { addPause } from './pause-program.ts';
import { addRollout } from './rollout-program.ts';
import { version } from './version.ts';
import { addWatching } from './watching-program.ts';

const EXIT_CODES = '\nExit codes: 0 all went well, 1 something failed, 2 wrong usage or configuration.';

/**
 * The command line. `onEnd` is told the exit code of the command that ran. A command's code is loaded when it is used:
 * that halves the time that each of them takes to start.
 */
export function createProgram(context: Context, onEnd: (code: ExitCode) => void): Command {
  const { out, err, columns } = context.terminal;
  const program = new Command('pythond')
    .description(
      "Runs the Python collectors of DataKit's pythond input, on one laptop or on a fleet of workers.",
    )
    .version(version)
    .exitOverride()
    .configureOutput({
      writeOut: (text) => void out.write(text),
      writeErr: (text) => void err.write(text),
      getOutHelpWidth: () => columns,
      getErrHelpWidth: () => columns,
    })
    .showSuggestionAfterError()
    .showHelpAfterError('Add --help to see what there is.')
    .addHelpText('after', EXIT_CODES);
  addUp(program, context, onEnd);
  addCheck(program, context, onEnd);
  addMoving(program, context, onEnd);
  addNormalize(program, context, onEnd);
  addWatching(program, context, onEnd);
  addLooking(program, context, onEnd);
  addPause(program, context, onEnd);
  addState(program, context, onEnd);
  addLedger(program, context, onEnd);
  addTicks(program, context, onEnd);
  addDead(program, context, onEnd);
  addRollout(program, context, onEnd);
  addKeys(program, context, onEnd);
  addApps(program, context, onEnd);
  addCompletion(program, context, onEnd);
  return program;
}

function addUp(program: Command, context: Context, onEnd: (code: ExitCode) => void): void {
  program
    .command('up')
    .description('all apps in one process, with a Redis of its own; until Ctrl-C')
    .option(...HOME)
    .option(
      '--datakit <url>',
      'the DataKit that gets the points (default: DATAKIT_URL, else that of datakit.conf, else 127.0.0.1:9529)',
    )
    .option('--once', 'run each collector once, then end; the exit code says whether all went well')
    .addHelpText(
      'after',
      `\nExamples:\n  $ pythond up\n  $ pythond up --home /usr/local/datakit --datakit http://10.0.0.5:9529\n  $ pythond up --once`,
    )
    .action(async (flags) => {
      const { up } = await import('./commands/up.ts');
      onEnd(await up(context, flags));
    });
}

function addCheck(program: Command, context: Context, onEnd: (code: ExitCode) => void): void {
  program
    .command('check')
    .description('run collectors once, here, without Redis, and show what they would send')
    .argument('[collectors...]', 'ids, or parts of ids (default: all)')
    .option(...HOME)
    .option(...JSON_FLAG)
    .option('--datakit <url>', 'also ask this DataKit what it would store; nothing is stored')
    .addHelpText(
      'after',
      '\nExamples:\n  $ pythond check\n  $ pythond check Demo --json\n  $ pythond check --home /usr/local/datakit',
    )
    .action(async (collectors: string[], flags) => {
      const { check } = await import('./commands/check.ts');
      onEnd(await check(context, collectors, flags));
    });
}

function addNormalize(program: Command, context: Context, onEnd: (code: ExitCode) => void): void {
  program
    .command('normalize')
    .description('turn a JSON array of points on standard input into line protocol')
    .requiredOption('--category <name>', 'metric, logging, object, custom_object, keyevent, rum, …')
    .option('--precision <unit>', "unit of the points' own times: n, u, ms, s, m or h (default: guessed)")
    .addOption(
      new Option('--integers <form>', 'send integers as floats (as DataKit stores JSON) or as they are')
        .choices(['float', 'int'])
        .default('float'),
    )
    .option(...JSON_FLAG)
    .addHelpText('after', '\nExample:\n  $ pythond normalize --category metric < points.json')
    .action(async (flags) => {
      const { normalize } = await import('./commands/normalize.ts');
      onEnd(await normalize(context, process.stdin, flags));
    });
}

function addLooking(program: Command, context: Context, onEnd: (code: ExitCode) => void): void {
  program
    .command('ls')
    .description('the collectors of a running fleet, and what is wrong')
    .option(...HOME)
    .option(...JSON_FLAG)
    .addHelpText('after', '\nExamples:\n  $ pythond ls\n  $ REDIS_URL=redis://10.0.0.7 pythond ls --json')
    .action(async (flags) => {
      const { ls } = await import('./commands/ls.ts');
      onEnd(await ls(context, flags));
    });
  program
    .command('show')
    .description('one collector: its ticks, its newest runs, the last one in full')
    .argument('<collector>', 'an id, or a part that fits one alone')
    .option(...HOME)
    .option(...JSON_FLAG)
    .option('--runs <n>', 'how many of the newest runs, at most 100', wholeNumber(1, 100), 10)
    .addHelpText('after', '\nExample:\n  $ pythond show Demo')
    .action(async (collector: string, flags) => {
      const { show } = await import('./commands/show.ts');
      onEnd(await show(context, collector, flags));
    });
  program
    .command('workers')
    .description('the workers of a running fleet: pools, how busy they are, what is wrong')
    .option(...HOME)
    .option(...JSON_FLAG)
    .addHelpText('after', '\nExamples:\n  $ pythond workers\n  $ pythond workers --json')
    .action(async (flags) => {
      const { workers } = await import('./commands/workers.ts');
      onEnd(await workers(context, flags));
    });
  program
    .command('run')
    .description('run a collector, or all of an input, now, on the fleet, and show how it went')
    .argument('<name>', 'the key of an input, or an id of a collector, or a part that fits one alone')
    .option(...HOME)
    .option(...JSON_FLAG)
    .option('--no-wait', 'ask for it and end')
    .addHelpText('after', '\nExamples:\n  $ pythond run Demo\n  $ pythond run web --no-wait')
    .action(async (name: string, flags) => {
      const { run } = await import('./commands/run.ts');
      onEnd(await run(context, name, flags));
    });
}

function addState(program: Command, context: Context, onEnd: (code: ExitCode) => void): void {
  const state = program
    .command('state')
    .description('what the runs of a collector leave to its next run')
    .addHelpText('after', '\nExamples:\n  $ pythond state show Demo\n  $ pythond state clear Demo');
  state
    .command('show')
    .description('its size, when it was written, and the names that it holds')
    .argument('<collector>', 'an id, or a part that fits one alone')
    .option(...HOME)
    .option(...JSON_FLAG)
    .addHelpText('after', '\nExample:\n  $ pythond state show Demo')
    .action(async (collector: string, flags) => {
      const { stateShow } = await import('./commands/state.ts');
      onEnd(await stateShow(context, collector, flags));
    });
  state
    .command('clear')
    .description('forget it: the next run starts from the beginning')
    .argument('<collector>', 'an id, or a part that fits one alone')
    .option(...HOME)
    .option(...JSON_FLAG)
    .addHelpText('after', '\nExample:\n  $ pythond state clear Demo')
    .action(async (collector: string, flags) => {
      const { stateClear } = await import('./commands/state.ts');
      onEnd(await stateClear(context, collector, flags));
    });
}

function addLedger(program: Command, context: Context, onEnd: (code: ExitCode) => void): void {
  program
    .command('ledger')
    .description('what became of every point: emitted = accepted + queued + dead + …')
    .argument('[collector]', 'an id, or a part of ids (default: all)')
    .option(...HOME)
    .option(...JSON_FLAG)
    .addHelpText('after', '\nExamples:\n  $ pythond ledger\n  $ pythond ledger Demo --json')
    .action(async (collector: string | undefined, flags) => {
      const { ledger } = await import('./commands/ledger.ts');
      onEnd(await ledger(context, collector, flags));
    });
}

function addTicks(program: Command, context: Context, onEnd: (code: ExitCode) => void): void {
  program
    .command('ticks')
    .description('what became of every due tick: due = run + skipped + missed + lost; and the lag')
    .argument('[collectors...]', 'ids, or parts of ids (default: all)')
    .option(...HOME)
    .option(...JSON_FLAG)
    .addHelpText('after', '\nExamples:\n  $ pythond ticks\n  $ pythond ticks Demo web/ --json')
    .action(async (collectors: string[], flags) => {
      const { ticks } = await import('./commands/ticks.ts');
      onEnd(await ticks(context, collectors, flags));
    });
}

const APPS: Readonly<Record<AppName, string>> = {
  scheduler: 'the scheduler alone: reads conf.d and python.d, keeps the schedules',
  worker: 'a worker alone: runs collectors and delivers their points',
  normalizer: 'the normalizer alone: retries what could not be delivered, keeps dead letters',
};

function addApps(program: Command, context: Context, onEnd: (code: ExitCode) => void): void {
  for (const [name, description] of Object.entries(APPS)) {
    program
      .command(name)
      .description(description)
      .option(...HOME)
      .addHelpText('after', `\nExample:\n  $ REDIS_URL=redis://10.0.0.7:6379 pythond ${name}`)
      .action(async (flags) => {
        const { app } = await import('./commands/app.ts');
        onEnd(await app(name as AppName, context, flags));
      });
  }
  program
    .command('datakit-standin')
    .description('a server that answers as DataKit does and keeps points in memory, to try things out')
    .option('--host <address>', 'where it listens', '127.0.0.1')
    .option('--port <n>', 'where it listens; 0: any that is free', wholeNumber(0, 65_535), 9529)
    .addHelpText(
      'after',
      '\nExample:\n  $ pythond datakit-standin --port 9600\n  $ curl localhost:9600/_standin/points',
    )
    .action(async (flags) => {
      const { datakitStandin } = await import('./commands/datakit-standin.ts');
      onEnd(await datakitStandin(context, flags));
    });
}

function addCompletion(program: Command, context: Context, onEnd: (code: ExitCode) => void): void {
  program
    .command('completion')
    .description('a script that completes commands and options in a shell')
    .addArgument(new Argument('<shell>', 'which one').choices(['bash', 'zsh', 'fish']))
    .addHelpText(
      'after',
      '\nExamples:\n  $ eval "$(pythond completion bash)"\n  $ pythond completion fish > ~/.config/fish/completions/pythond.fish',
    )
    .action(async (shell: 'bash' | 'zsh' | 'fish') => {
      const { completion } = await import('./commands/completion.ts');
      onEnd(await completion(context, program, shell));
    });
}
