import { hostname, userInfo } from 'node:os';
import { schedulerId } from '@pythond/jobs';
import type { Redis } from '@pythond/queue';
import {
  Collectors,
  type CollectorView,
  Inputs,
  type Pause,
  Pauses,
  type PauseTarget,
  pausesOf,
} from '@pythond/registry';
import { type Context, type HomeFlags, settingsOf } from '../context.ts';
import { CommandError, type ExitCode, exitCodes } from '../exit.ts';
import { withFleet } from '../fleet-connection.ts';
import {
  filePauseText,
  orderText,
  pauseJson,
  pausesJson,
  pauseText,
  resumeCommand,
  targetText,
} from '../paused-text.ts';
import { print, printJson } from '../terminal.ts';
import { findCollector } from './find-collector.ts';

export interface ResumeFlags extends HomeFlags {
  readonly json?: boolean;
  /** The whole fleet. */
  readonly all?: boolean;
}

export interface PauseFlags extends ResumeFlags {
  readonly reason?: string;
}

const MAX_REASON_LENGTH = 500;

/** `pythond pause COLLECTOR|INPUT…|--all`: no tick of them runs from now on; what runs now ends by itself. */
export async function pause(
  context: Context,
  names: readonly string[],
  flags: PauseFlags,
): Promise<ExitCode> {
  const { terminal } = context;
  return withPauses(context, names, flags, async (redis, targets) => {
    const pauses = new Pauses(redis);
    const order = { who: whoAmI(), reason: flags.reason?.trim().slice(0, MAX_REASON_LENGTH) || null };
    const changed = await pauses.pause(targets, order);
    const [stand, views] = await Promise.all([pauses.list(), new Collectors(redis).list()]);
    const ordered = targets.flatMap((target) => {
      const found = stand.find((one) => isSame(one.target, target));
      return found ? [{ ...found, isNew: changed.includes(target), held: heldBy(target, views) }] : [];
    });
    if (flags.json) {
      printJson(terminal, {
        paused: ordered.map((one) => ({
          ...pauseJson(one),
          isNew: one.isNew,
          collectors: one.held.map(({ record }) => record.id),
        })),
      });
      return exitCodes.ok;
    }
    for (const one of ordered) {
      const count = one.target.scope === 'collector' ? '' : ` (${collectorCount(one.held.length)})`;
      const already = one.isNew ? '' : ' already';
      const text = `${targetText(one.target)}${count} is paused${already} ${orderText(one)}`;
      print(terminal, `${terminal.colors.yellow('‖')} ${text}`);
      print(terminal, `  \`${resumeCommand(one.target)}\` lifts that.`);
    }
    return exitCodes.ok;
  });
}

/** `pythond resume COLLECTOR|INPUT…|--all`: lifts those pauses; tells what is paused all the same, and how to end that. */
export async function resume(
  context: Context,
  names: readonly string[],
  flags: ResumeFlags,
): Promise<ExitCode> {
  return withPauses(context, names, flags, async (redis, targets) => {
    const pauses = new Pauses(redis);
    const collectors = new Collectors(redis);
    const [before, views] = await Promise.all([pauses.list(), collectors.list()]);
    const stood = before.filter(({ target }) => targets.some((one) => isSame(one, target)));
    const held = new Set(targets.flatMap((target) => heldBy(target, views)));
    const residents = [...held].filter(({ record }) => record.resident);
    await pauses.resume(
      targets,
      residents.map(({ record }) => schedulerId(record.id)),
    );
    const now = await pauses.list();
    const still = [...held]
      .map((view) => ({ ...view, pauses: pausesOf(view.record, now) }))
      .filter(({ record, pauses: left }) => record.paused || left.length > 0);
    const files = new Map((await new Inputs(redis).known()).map(({ key, file }) => [key, file]));
    if (flags.json) {
      printJson(context.terminal, {
        resumed: stood.map(pauseJson),
        still: still.map((view) => ({
          collector: view.record.id,
          pauses: pausesJson(view, files.get(view.record.input) ?? null),
        })),
      });
    } else {
      printResumed(context, targets, stood);
      printStill(context, still, files);
    }
    // whoever resumes the fleet does not ask for what was paused apart from it
    return still.length > 0 && flags.all !== true ? exitCodes.failed : exitCodes.ok;
  });
}

function printResumed({ terminal }: Context, targets: readonly PauseTarget[], stood: readonly Pause[]): void {
  for (const target of targets) {
    const was = stood.find((one) => isSame(one.target, target));
    const text = was ? `is resumed; it was paused ${orderText(was)}` : 'was not paused by an operator';
    print(terminal, `${was ? terminal.colors.green('▶') : ' '} ${targetText(target)} ${text}`);
  }
}

/** One line for each thing that still holds collectors, not for each collector. */
function printStill(
  { terminal }: Context,
  still: readonly CollectorView[],
  files: ReadonlyMap<string, string>,
): void {
  const lines = new Map<string, number>();
  const add = (text: string) => lines.set(text, (lines.get(text) ?? 0) + 1);
  for (const { record, pauses } of still) {
    for (const one of pauses) add(`${pauseText(one)}; \`${resumeCommand(one.target)}\` lifts that`);
    if (record.paused) add(filePauseText(`input ${record.input}`, files.get(record.input) ?? null));
  }
  for (const [text, count] of lines) {
    print(terminal, `${terminal.colors.yellow('‖')} ${collectorCount(count)} still paused: ${text}`);
  }
}

async function withPauses(
  context: Context,
  names: readonly string[],
  flags: ResumeFlags,
  use: (redis: Redis, targets: readonly PauseTarget[]) => Promise<ExitCode>,
): Promise<ExitCode> {
  if (names.length === 0 && !flags.all) throw new CommandError('Name collectors or inputs, or say --all.');
  if (names.length > 0 && flags.all)
    throw new CommandError('Name collectors or inputs, or say --all; not both.');
  const settings = await settingsOf(context, { ...(flags.home ? { home: flags.home } : {}) });
  return withFleet(settings, async (redis) => {
    if (flags.all) return use(redis, [{ scope: 'fleet' }]);
    const targets: PauseTarget[] = [];
    for (const name of names) {
      const target = await findTarget(redis, name);
      if (!targets.some((one) => isSame(one, target))) targets.push(target);
    }
    return use(redis, targets);
  });
}

/** An input by its key, whatever is paused already by its name (its input may be gone), else a collector by a part of its id. */
async function findTarget(redis: Redis, name: string): Promise<PauseTarget> {
  const inputs = await new Inputs(redis).names();
  if (inputs.includes(name)) return { scope: 'input', name };
  const stand = await new Pauses(redis).list();
  const known = stand.find(({ target }) => target.scope !== 'fleet' && target.name === name);
  if (known) return known.target;
  const { record } = await findCollector(new Collectors(redis), name);
  return { scope: 'collector', name: record.id };
}

function isSame(a: PauseTarget, b: PauseTarget): boolean {
  if (a.scope === 'fleet' || b.scope === 'fleet') return a.scope === b.scope;
  return a.scope === b.scope && a.name === b.name;
}

function heldBy(target: PauseTarget, views: readonly CollectorView[]): CollectorView[] {
  if (target.scope === 'fleet') return [...views];
  return views.filter(({ record }) =>
    target.scope === 'input' ? record.input === target.name : record.id === target.name,
  );
}

function collectorCount(count: number): string {
  return `${count} ${count === 1 ? 'collector' : 'collectors'}`;
}

function whoAmI(): string {
  return `${userName()}@${hostname()}`;
}

/** A user of a container may have a number alone. */
function userName(): string {
  try {
    return userInfo().username;
  } catch {
    return `uid ${process.getuid?.() ?? 'unknown'}`;
  }
}
