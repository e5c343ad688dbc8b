import type { DeadLetter } from '@pythond/jobs';
import { describe, expect, it, onTestFinished } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { type FaultyDatakit, startFaultyDatakit } from '../support/faulty-datakit.ts';
import { makeFleet, type TestFleet } from '../support/fleet.ts';
import { block } from '../support/home.ts';

const slow = { timeout: 600_000 };

/** Three logs and a point that nobody can send. */
const reporter = `
from datakit_framework import DataKitFramework


class Reports(DataKitFramework):
    def run(self):
        self.report({
            'L': [{'measurement': 'web', 'tags': {'n': n}, 'fields': {'message': 'line ' + n}} for n in '123'],
            'M': [{'measurement': 'cpu', 'tags': {'host': ['not', 'text']}, 'fields': {'load': 0.5}}],
            'input': 'reports',
        })
`;
const id = 'r/r/r:Reports';

interface Listed {
  readonly letters: readonly (Omit<DeadLetter, 'body'> & { readonly id: string })[];
  readonly total: { readonly letters: number; readonly points: number };
}

describe('a dead letter', () => {
  it('is listed, shown, exported, replayed when DataKit has learned, and purged', slow, async () => {
    const { fleet, datakit } = await start();
    datakit.goWrong(({ lines }) => (lines.some((line) => line.includes('n=2')) ? refusal : null));
    await fleet.run(id);
    const { letters, total } = await list(fleet);
    expect(total).toEqual({ letters: 2, points: 2 });
    const refused = letters.find(({ category }) => category === 'logging');
    expect(refused).toMatchObject({ answer: { status: 400 }, points: 1, origins: [{ collector: id }] });
    const own = letters.find(({ category }) => category === 'metric');
    expect(own).toMatchObject({ form: 'reported', answer: null });

    const text = (await fleet.cli('dead', 'ls')).stdout;
    expect(text).toContain('2 letters, 2 points.');
    for (const line of text.split('\n')) expect(line.length).toBeLessThanOrEqual(80);
    const shown = await fleet.cli('dead', 'show', refused?.id.slice(0, 10) ?? '');
    expect(shown.stdout).toContain('unable to parse this one');
    expect(shown.stdout).toMatch(/web,.*n=2.* \d{19}/);

    const lines = (await fleet.cli('dead', 'export')).stdout.trim().split('\n');
    expect(lines.map((line) => JSON.parse(line).id).sort()).toEqual(
      letters.map((letter) => letter.id).sort(),
    );
    const points = await fleet.cli('dead', 'export', '--format', 'line-protocol', '--category', 'logging');
    expect(points.stdout).toMatch(/^web,.*n=2.* \d{19}\n$/);

    await expectLedger(fleet, { emitted: 4, accepted: 2, dead: 2 });

    // what is still refused comes back, with its history
    fleet.start('normalizer');
    expect(await fleet.cli('dead', 'replay', '--collector', 'Reports')).toMatchObject({
      code: 1,
      stdout: expect.stringMatching(/^1 letters replayed, 1 points.*\n✗ \w+ stays: it is still refused: /),
    });
    const again = await eventually('the refused one to be dead again', async () =>
      (await list(fleet, '--category', 'logging')).letters.find(({ history }) => history.length > 0),
    );
    expect(again).toMatchObject({ id: refused?.id, history: [{ code: refused?.reason.code }] });
    await expectLedger(fleet, { emitted: 4, accepted: 2, dead: 2 });

    // DataKit is told of it, in events of a kind that it knows
    const events = await eventually(
      'the events',
      () => {
        const found = datakit.standin.points().filter(({ category }) => category === 'keyevent');
        return found.length >= 2 ? found : null;
      },
      300_000,
    );
    expect(events.map(({ tags }) => tags)).toEqual(
      expect.arrayContaining(
        [own, refused].map((letter) => ({ collector: id, reason: letter?.reason.code })),
      ),
    );
    expect(events[0]?.fields).toMatchObject({
      df_source: 'system',
      df_status: 'warning',
      points: expect.anything(),
    });

    // what was mended goes through, with its own time
    datakit.goWrong(null);
    expect((await fleet.cli('dead', 'replay', again.id)).code).toBe(0);
    await eventually('the point to arrive', () => datakit.standin.received.points >= 3);
    const arrived = datakit.standin.points().find(({ tags }) => tags['n'] === '2');
    expect(points.stdout).toContain(` ${arrived?.time}\n`);

    expect(await fleet.cli('dead', 'purge')).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('Say which: ids of `pythond dead ls`, a filter'),
    });
    expect((await fleet.cli('dead', 'purge', '--all', '--json')).stdout).toContain('"letters": 1');
    expect((await list(fleet)).total).toEqual({ letters: 0, points: 0 });
    await expectLedger(fleet, { emitted: 4, accepted: 3, purged: 1 });
  });

  it('that nobody can find, or a filter that is none, is told of in plain words', slow, async () => {
    const fleet = await makeFleet();
    const said = async (...args: string[]) => {
      const { code, stdout, stderr } = await fleet.cli(...args);
      return `${code} ${stdout}${stderr}`;
    };
    expect(await said('dead', 'ls')).toBe('0 No dead letters.\n');
    expect(await said('ledger')).toBe('0 No collector has reported a point yet.\n');
    expect(await said('dead', 'show', 'abc')).toMatch(/^2 .*There is no dead letter "abc"/);
    expect(await said('dead', 'ls', '--since', 'ever')).toMatch(
      /^2 .*--since "ever" is no duration; write 30m/,
    );
    expect(await said('dead', 'replay', '--all', '--to', 'dk')).toMatch(
      /^2 .*--to: "dk" needs http:\/\/ in front/,
    );
    expect(await said('dead', 'purge', 'abc', '--all')).toMatch(/^2 .*not both/);
    expect(await said('ledger', 'nobody')).toMatch(/^2 .*No collector whose id holds "nobody"/);
  });
});

describe('what goes to a DataKit that its input does not allow', () => {
  it('is a dead letter, and goes there once somebody says so', slow, async () => {
    const { fleet, datakit } = await start(
      '  destinations = []',
      `
from datakit_framework import DataKitFramework


class Reports(DataKitFramework):
    def __init__(self, **kwargs):
        super().__init__(ip='127.0.0.1', port=PORT)

    def run(self):
        self.report({'M': [{'measurement': 'cpu', 'tags': {}, 'fields': {'load': 0.5}}], 'input': 'reports'})
`,
    );
    const run = await fleet.run(id);
    expect(run.points).toEqual({ reported: 1, delivered: 0, queued: 0, dead: 1 });
    const [letter] = (await list(fleet, '--reason', 'destination-denied')).letters;
    expect(letter).toMatchObject({ form: 'line-protocol', endpoint: datakit.url });
    const refused = await fleet.cli('dead', 'replay', '--all');
    expect(refused).toMatchObject({
      code: 1,
      stdout: expect.stringContaining('say where it goes with --to URL'),
    });
    fleet.start('normalizer');
    expect((await fleet.cli('dead', 'replay', '--all', '--to', datakit.url)).code).toBe(0);
    await eventually('the point', () => datakit.standin.received.points >= 1);
    expect(datakit.standin.points()[0]?.time).toBe(`${run.dueMs}000000`);
  });
});

const refusal = {
  status: 400,
  body: '{"error_code":"datakit.invalidLinePoint","message":"unable to parse this one"}',
};

async function start(keys = '', python = reporter): Promise<{ fleet: TestFleet; datakit: FaultyDatakit }> {
  const datakit = await startFaultyDatakit();
  onTestFinished(() => datakit.close());
  const fleet = await makeFleet({ datakit: datakit.url });
  await fleet.home.write({
    'conf.d/r.conf': block('r', ['r'], `  paused = true\n${keys}`),
    'python.d/r/r.py': python.replace('PORT', new URL(datakit.url).port),
  });
  await fleet.startWorker();
  fleet.start('scheduler');
  await eventually('the collector', () => fleet.view(id));
  return { fleet, datakit };
}

async function list(fleet: TestFleet, ...args: string[]): Promise<Listed> {
  const { stdout, stderr } = await fleet.cli('dead', 'ls', '--json', ...args);
  try {
    return JSON.parse(stdout);
  } catch (cause) {
    throw new Error(`dead ls said ${stderr}`, { cause });
  }
}

/** At rest: what is not named is 0, and nothing is unaccounted for. */
async function expectLedger(fleet: TestFleet, wanted: Readonly<Record<string, number>>): Promise<void> {
  const nothing = { accepted: 0, queued: 0, dead: 0, late: 0, dropped: 0, purged: 0, lost: 0 };
  const read = async () => JSON.parse((await fleet.cli('ledger', id, '--json')).stdout).total;
  await eventually('the ledger to be at rest', async () => (await read()).unaccounted === 0);
  expect(await read()).toEqual({ counts: { ...nothing, ...wanted }, unaccounted: 0 });
}
