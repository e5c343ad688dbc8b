import { schedulerId } from '@pythond/jobs';
import { Collectors, type StateNames, States, type StateView } from '@pythond/registry';
import { type Context, type HomeFlags, settingsOf } from '../context.ts';
import { type ExitCode, exitCodes } from '../exit.ts';
import { withFleet } from '../fleet-connection.ts';
import { oneLine } from '../printable.ts';
import { ago, print, printJson, type Terminal } from '../terminal.ts';
import { findCollector } from './find-collector.ts';

export interface StateFlags extends HomeFlags {
  readonly json?: boolean;
}

/** `pythond state show COLLECTOR`: what its runs leave to the next one. The values stay Python's. */
export async function stateShow(context: Context, wanted: string, flags: StateFlags): Promise<ExitCode> {
  const settings = await settingsOf(context, { ...(flags.home ? { home: flags.home } : {}) });
  return withFleet(settings, async (redis) => {
    const { id } = (await findCollector(new Collectors(redis), wanted)).record;
    const view = await new States(redis).view(schedulerId(id));
    if (flags.json) printJson(context.terminal, { collector: id, state: view });
    else printState(context.terminal, id, view);
    return exitCodes.ok;
  });
}

/** `pythond state clear COLLECTOR`: its next run starts from the beginning. */
export async function stateClear(context: Context, wanted: string, flags: StateFlags): Promise<ExitCode> {
  const settings = await settingsOf(context, { ...(flags.home ? { home: flags.home } : {}) });
  return withFleet(settings, async (redis) => {
    const { id } = (await findCollector(new Collectors(redis), wanted)).record;
    const cleared = await new States(redis).clear(schedulerId(id));
    if (flags.json) printJson(context.terminal, { collector: id, cleared });
    else if (cleared) print(context.terminal, `${oneLine(id)}: its next run starts from the beginning.`);
    else print(context.terminal, `${oneLine(id)} has no state.`);
    return exitCodes.ok;
  });
}

function printState(terminal: Terminal, id: string, view: StateView | null): void {
  print(terminal, terminal.colors.bold(oneLine(id)));
  if (!view) {
    print(terminal, '  No state: its runs changed nothing that goes on with the next one.');
    return;
  }
  const line = (label: string, value: string) => print(terminal, `  ${label.padEnd(10)} ${value}`);
  line('size', `${view.bytes.toLocaleString('en-US')} bytes`);
  line('written', ago(view.atMs, Date.now()));
  line('version', oneLine(view.version));
  const names = view.names ? namesOf(view.names) : [];
  if (names.length === 0) line('holds', 'its names are not listed');
  for (const [owner, own] of names) line(owner, own);
}

/** What holds names, and which. */
function namesOf({ instance, modules, classes }: StateNames): [string, string][] {
  const parts: [string, readonly string[]][] = [
    ['self', instance],
    ...Object.entries(modules),
    ...Object.entries(classes),
  ];
  return parts
    .filter(([, names]) => names.length > 0)
    .map(([owner, names]) => [oneLine(owner), oneLine(names.join(', '))]);
}
