import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { type CheckAnswer, type CheckedFailure, check } from '../support/check.ts';
import { eventually } from '../support/eventually.ts';
import { copyHome, type TestHome } from '../support/home.ts';
import { type Listing, startUp, type TestUp } from '../support/up.ts';

vi.setConfig({ testTimeout: 600_000, hookTimeout: 600_000 });

let home: TestHome;
let outside: string;
beforeAll(async () => {
  home = await copyHome('discovery-home');
  outside = path.join(home.dir, 'outside');
});
afterAll(() => home.remove());

/** Seconds between two runs, and what the collector's point says of where it is, by the collector's id. */
function wanted(): Readonly<Record<string, readonly [number, string]>> {
  return {
    'places/relative/one:One': [30, 'relative'],
    [`places/${outside}/absolute/two:Two`]: [30, 'absolute'],
    'places/mytest/test.py/test:MyTest': [30, 'a file of its own'],
    'places/nested/top:Top': [30, 'the folder itself'],
    'places/nested/SHOUTED:Shouted': [30, 'an ending in capitals'],
    'places/nested/sub.inner:Inner': [30, 'one level down'],
    'samemodules/north/pole:Pole': [30, 'north'],
    'samemodules/south/pole:Pole': [30, 'south'],
    'gaps/north/pole:Pole': [30, 'north'],
    'twin@twins/north/pole:Pole': [30, 'north'],
    'twin@twins-2/south/pole:Pole': [30, 'south'],
    'twin@twins-too/north/pole:Pole': [30, 'north'],
    'broken/broken/works:Works': [30, 'beside broken modules'],
    'intervals/intervals/absent:Absent': [10, 'no interval'],
    'intervals/intervals/zero:Zero': [10, 'interval = 0'],
    'intervals/intervals/none:Nothing': [10, 'interval = None'],
    'intervals/intervals/half:Half': [2.5, 'interval = 2.5'],
    'intervals/intervals/constructor:Constructor': [45, 'set by the constructor'],
    'intervals/intervals/two_of_them:Good': [30, 'beside a bad interval'],
    'blockdecides/intervals/half.py/half:Half': [90, 'interval = 2.5'],
    'imports/imports/first:Shared': [30, 'where it is defined'],
    'imports/imports/second:Second': [30, 'where it is defined'],
  };
}

type Failure = Pick<CheckedFailure, 'input' | 'module' | 'class' | 'type' | 'message' | 'traceback' | 'hint'>;

/** What can't be run, as both `check` and `ls` tell it. */
function expectFailures(failures: readonly Failure[]): void {
  const by = (module: string) => failures.find((failure) => failure.module === module);
  expect(failures.map(({ input, module, class: name }) => `${input} ${module} ${name}`).sort()).toEqual([
    'broken capitals null',
    'broken constructor Constructor',
    'broken dependency null',
    'broken division null',
    'broken syntax null',
    'intervals negative Negative',
    'intervals text Text',
    'intervals two_of_them Bad',
  ]);
  expect(by('syntax')).toMatchObject({ type: 'SyntaxError' });
  expect(by('syntax')?.message).toContain('(syntax.py, line 7)');
  expect(by('syntax')?.traceback).toMatch(/broken\/syntax\.py", line 7\n\s+def run\(self\)\n/);
  expect(by('dependency')).toMatchObject({
    type: 'ModuleNotFoundError',
    message: "No module named 'library_that_nobody_has'",
  });
  expect(by('dependency')?.hint).toMatch(
    /^python\.d\/broken\/dependency\.py, line 2 \(import library_that_nobody_has\): there is no module "library_that_nobody_has" for this Python\. Install it with: \S+ -m pip install library_that_nobody_has$/,
  );
  expect(by('capitals')?.hint).toBe(
    'python.d/broken/capitals.py, line 2 (import Works): there is no module "Works", but there is python.d/broken/works.py: capital letters count.',
  );
  expect(by('division')).toMatchObject({ type: 'ZeroDivisionError', message: 'division by zero' });
  expect(by('division')?.traceback).toMatch(/broken\/division\.py", line 3/);
  expect(by('constructor')).toMatchObject({ type: 'RuntimeError', message: 'the database is away' });
  const negative = 'interval is -1: write a number of seconds greater than 0, such as interval = 10';
  expect(by('negative')).toMatchObject({ message: negative });
  expect(by('two_of_them')).toMatchObject({ message: negative });
  expect(by('text')).toMatchObject({
    message: "interval is 'x', of type str: write a number of seconds, such as interval = 10",
  });
}

/** What is wrong with the configuration, as both tell it. */
function expectProblems(problems: readonly string[]): void {
  const folder = path.join(home.dir, 'python.d');
  expect([...problems].sort()).toEqual([
    `conf.d/places.conf:14: block 3 ('gaps'): dirs names Relative, but there is no ${folder}/Relative. There is relative: the names differ in capitals only.`,
    `conf.d/places.conf:14: block 3 ('gaps'): dirs names nowhere, but there is no ${folder}/nowhere. Create it, or correct the entry in dirs.`,
    "conf.d/twins.conf:7: warning: block 2 ('twin'): another block of this name stands in a file of this name; this one is twin@twins-2; give each block a name of its own: this number depends on their order",
  ]);
}

describe('check', () => {
  let answer: CheckAnswer;
  beforeAll(async () => {
    answer = await check(home.dir, { env: { OUTSIDE: outside } });
  });

  it('runs every collector once, wherever it lies, and nothing that is none', () => {
    const found = answer.collectors.map(({ id, interval, outcome, reports }) => {
      expect(outcome, `${id}: ${answer.collector(id).hint}`).toBe('succeeded');
      return [id, [interval, whereOf(reports[0]?.points)]];
    });
    expect(Object.fromEntries(found)).toEqual(wanted());
    expect(found).toHaveLength(Object.keys(wanted()).length);
  });

  it('tells what can not be imported or run, each alone, with its traceback and what to do', () => {
    expectFailures(answer.failures);
  });

  it('tells of folders that are not there and of blocks that share a name', () => {
    expectProblems(answer.said);
  });

  it('ends with 1, since something failed', () => {
    expect(answer.code).toBe(1);
  });

  it('runs only what is named, by an id or a part of one', async () => {
    const env = { OUTSIDE: outside };
    const [one, part] = await Promise.all([
      check(home.dir, { env, args: ['places/relative/one:One'] }),
      check(home.dir, { env, args: ['POLE'] }),
    ]);
    expect(one.collectors.map(({ id }) => id)).toEqual(['places/relative/one:One']);
    expect(one).toMatchObject({ failures: [], code: 0 });
    expect(part.collectors).toHaveLength(6);
  });
});

describe('a running fleet', () => {
  let up: TestUp;
  let listing: Listing;
  beforeAll(async () => {
    up = await startUp(home.dir, { OUTSIDE: outside });
    listing = await up.listed(Object.keys(wanted()));
  });
  afterAll(() => up?.stop());

  it('has every collector at its interval, and nothing that is none', () => {
    const found = listing.collectors.map(({ id, everyMs }) => [id, everyMs]);
    const every = Object.entries(wanted()).map(([id, [seconds]]) => [id, seconds * 1000]);
    expect(Object.fromEntries(found)).toEqual(Object.fromEntries(every));
  });

  it('has run each of them, also those of one module in several inputs at once', () => {
    const bad = listing.collectors.filter(({ lastOutcome }) => lastOutcome !== 'succeeded');
    expect(bad).toEqual([]);
  });

  it('brings the points of each of them to DataKit', async () => {
    await eventually('a point from every place', () => {
      const seen = new Set(up.datakit.points().map(({ tags }) => tags['where']));
      return Object.values(wanted()).every(([, where]) => seen.has(where));
    });
    const places = new Set(Object.values(wanted()).map(([, where]) => where));
    expect(new Set(up.datakit.points().map(({ tags }) => tags['where']))).toEqual(places);
  });

  it('lists what can not be imported or run, each alone, with its traceback and what to do', () => {
    expectFailures(listing.failures);
  });

  it('lists folders that are not there and blocks that share a name', () => {
    expectProblems(listing.problems.map(({ text }) => text));
    expect(listing.problems.map(({ level }) => level).sort()).toEqual(['error', 'error', 'warning']);
  });
});

function whereOf(points: unknown): string {
  return (points as readonly { readonly tags: { readonly where: string } }[])[0]?.tags.where ?? '';
}
