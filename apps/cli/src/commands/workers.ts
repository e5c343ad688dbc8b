import { Fleet, type Heartbeat } from '@pythond/registry';
import { type Context, type HomeFlags, settingsOf } from '../context.ts';
import { type ExitCode, exitCodes } from '../exit.ts';
import { withFleet } from '../fleet-connection.ts';
import { oneLine } from '../printable.ts';
import { duration, print, printJson, type Terminal, table } from '../terminal.ts';

export interface WorkersFlags extends HomeFlags {
  readonly json?: boolean;
}

/** `pythond workers`: who works in the fleet, for which pools, how busy, and what is not well with it. */
export async function workers(context: Context, flags: WorkersFlags): Promise<ExitCode> {
  const settings = await settingsOf(context, { ...(flags.home ? { home: flags.home } : {}) });
  return withFleet(settings, async (redis) => {
    const beats = await new Fleet(redis).heartbeats();
    if (flags.json) printJson(context.terminal, { workers: beats.map(toJson) });
    else printWorkers(context.terminal, beats);
    return exitCodes.ok;
  });
}

function toJson({ worker, ageMs }: Heartbeat) {
  const { name, host, pid, version, startedMs, pools, concurrency, running, runs, sandbox } = worker;
  return {
    ...{ name, host, pid, version, startedMs, pools, concurrency, running, runs, sandbox },
    residents: worker.residents ?? 0,
    heartbeatMs: ageMs,
    hostDeaths: worker.hostDeaths ?? {},
    clocksOff: worker.clocksOff ?? {},
    cmds: worker.cmds ?? {},
    redisClockOff: worker.redisClockOff ?? null,
    trustedKeys: worker.trustedKeys ?? null,
  };
}

function printWorkers(terminal: Terminal, beats: readonly Heartbeat[]): void {
  if (beats.length === 0) {
    print(
      terminal,
      'No worker runs, so no collector does. Start one: `pythond worker` with the REDIS_URL of this fleet.',
    );
    return;
  }
  const right = 'right' as const;
  const columns = [
    { title: 'WORKER', shrinks: true },
    { title: 'POOLS', shrinks: true },
    { title: 'RUNNING', align: right },
    { title: 'RESIDENTS', align: right },
    { title: 'RUNS', align: right },
    { title: 'BEAT', align: right },
    { title: 'SANDBOX' },
  ];
  const [head = '', ...rows] = table(
    terminal,
    columns,
    beats.map((beat) => row(terminal, beat)),
  ).split('\n');
  print(terminal, head);
  for (const [index, beat] of beats.entries()) {
    print(terminal, rows[index]);
    for (const line of details(terminal, beat)) print(terminal, `  ${line}`);
  }
}

function row({ colors }: Terminal, { worker, ageMs }: Heartbeat): string[] {
  const { name, pools, running, concurrency, residents, runs, sandbox } = worker;
  return [
    oneLine(name),
    oneLine(pools.join(', ')),
    `${running}/${concurrency}`,
    String(residents ?? 0),
    String(runs),
    `${duration(ageMs)} ago`,
    sandbox === 'none' ? colors.red('NONE') : oneLine(sandbox),
  ];
}

function clockOff(aheadMs: number, whose: string): string {
  return `its clock is ${duration(Math.abs(aheadMs))} ${aheadMs > 0 ? 'behind' : 'ahead of'} that of ${whose}`;
}

const MAX_HOST = 40;

function details({ colors }: Terminal, { worker }: Heartbeat): string[] {
  const {
    host,
    version,
    startedMs,
    hostDeaths = {},
    clocksOff = {},
    redisClockOff = null,
    cmds = {},
    trustedKeys,
  } = worker;
  const where = oneLine(host.length > MAX_HOST ? `${host.slice(0, MAX_HOST - 1)}…` : host);
  const deaths = Object.entries(hostDeaths).map(([reason, count]) => `${count} ${reason}`);
  const lacking = Object.keys(cmds).filter((cmd) => !cmds[cmd]);
  const off = Object.entries(clocksOff).map(([endpoint, aheadMs]) => clockOff(aheadMs, endpoint));
  if (redisClockOff !== null) off.unshift(`${clockOff(redisClockOff, 'Redis')}: it takes no ticks`);
  return [
    colors.dim(`on ${where}, version ${oneLine(version)}, up for ${duration(Date.now() - startedMs)}`),
    colors.dim(
      trustedKeys
        ? oneLine(`acts on records signed with ${trustedKeys.join(' or ')} only`)
        : 'acts on unsigned records: no trusted_keys',
    ),
    ...(deaths.length > 0 ? [colors.yellow(oneLine(`Python hosts that died: ${deaths.join(', ')}`))] : []),
    ...(lacking.length > 0 ? [colors.yellow(oneLine(`does not start: ${lacking.join(', ')}`))] : []),
    ...off.map((text) => colors.yellow(oneLine(text))),
  ];
}
