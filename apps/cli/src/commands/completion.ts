import { readFile } from 'node:fs/promises';
import type { Command } from 'commander';
import type { Context } from '../context.ts';
import { type ExitCode, exitCodes } from '../exit.ts';
import { print } from '../terminal.ts';

export const shells = ['bash', 'zsh', 'fish'] as const;
export type Shell = (typeof shells)[number];

/** A command, the root as '', with what may follow it. */
interface Place {
  readonly command: string;
  readonly commands: readonly { readonly name: string; readonly about: string }[];
  readonly options: readonly { readonly name: string; readonly about: string }[];
}

/** `pythond completion SHELL`: a script that completes commands and options. */
export async function completion({ terminal }: Context, program: Command, shell: Shell): Promise<ExitCode> {
  const template = await readFile(new URL(`../../templates/completion.${shell}`, import.meta.url), 'utf8');
  const places = placesOf(program, '');
  const [commands, candidates] = shell === 'fish' ? ofFish(places) : ofBash(places);
  const text = template.replace('@COMMANDS@', () => commands).replace('@CANDIDATES@', () => candidates);
  print(terminal, text.trimEnd());
  return exitCodes.ok;
}

function placesOf(command: Command, path: string): Place[] {
  const visible = command.createHelp();
  const commands = visible.visibleCommands(command);
  const own: Place = {
    command: path,
    commands: commands.map((one) => ({ name: one.name(), about: one.description() })),
    options: visible
      .visibleOptions(command)
      .map(({ long, short, description }) => ({ name: long ?? short ?? '', about: description })),
  };
  const known = new Set(command.commands);
  const below = commands.filter((one) => known.has(one)); // not the `help` that the parser makes
  return [own, ...below.flatMap((one) => placesOf(one, `${path} ${one.name()}`.trim()))];
}

/** Bash and zsh: patterns of a command with the word that follows it, and a branch for each command. */
function ofBash(places: readonly Place[]): [string, string] {
  const named = places.filter(({ command }) => command !== '');
  const steps = named.map(({ command }) => {
    const cut = command.lastIndexOf(' ');
    return `"${command.slice(0, Math.max(0, cut))} ${command.slice(cut + 1)}"`;
  });
  const branches = places.map(({ command, commands, options }) => {
    const words = [...new Set([...commands, ...options].map(({ name }) => name))].join(' ');
    return `"${command}") candidates="${words}" ;;`;
  });
  return [steps.join(' | '), branches.join('\n    ')];
}

function ofFish(places: readonly Place[]): [string, string] {
  const named = places.filter(({ command }) => command !== '').map(({ command }) => quoted(command));
  const lines = places.flatMap(({ command, commands, options }) => {
    const at = `complete --command pythond --condition ${quoted(`__pythond_at ${quoted(command)}`)}`;
    return [
      ...commands.map(
        ({ name, about }) => `${at} --no-files --arguments ${name} --description ${quoted(about)}`,
      ),
      ...options.map(
        ({ name, about }) => `${at} --long-option ${name.slice(2)} --description ${quoted(about)}`,
      ),
    ];
  });
  return [named.join(' '), lines.join('\n')];
}

function quoted(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
}
