import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import type { Checked } from '../support/check.ts';
import { skipIf } from '../support/skip.ts';
import { defaultRunWords, docker, PLAIN_USER, runWords, whyNoEngine } from './container/engine.mjs';
import { PROJECT, testImage } from './container/image.mjs';

/** Reached only when something is broken: the first one of all makes the image. */
const timeout = 1_800_000;
const reason = await whyNoEngine();
const PYTHOND = ['node', `${PROJECT}/apps/cli/bin/pythond.mjs`];
/** By default an engine lets no program be started in a tmpfs. */
const PROGRAMS_IN_TMP = ['--tmpfs', '/tmp:exec'];
/** As the default profile of Docker before 20.10.18 does. */
const WITHOUT_LANDLOCK = {
  defaultAction: 'SCMP_ACT_ALLOW',
  syscalls: [
    {
      names: ['landlock_create_ruleset', 'landlock_add_rule', 'landlock_restrict_self'],
      action: 'SCMP_ACT_ERRNO',
    },
  ],
};
const users = [
  ['a plain user', PLAIN_USER],
  ['uid 0', '0:0'],
] as const;

const FLEET = ['node', `${PROJECT}/test/sandbox/container/fleet.mjs`];
const PROBE = ['python3', '-I', `${PROJECT}/python.d/core/pythond_host.py`, '--probe'];
const HONEST = ['--workdir', `${PROJECT}/test/python`];

const started = async (user: string, command: readonly string[], more: readonly string[] = []) =>
  docker([...runWords(await testImage(), user, more), ...command]);

/** What fleet.mjs saw: that two points of the Demo, run confined, arrived at its DataKit, and a clean end. */
function expectDelivery(output: string) {
  const { code, said, points, collectors } = JSON.parse(output);
  expect(said).toMatch(/Sandbox {2}strict \(Landlock ABI \d+, seccomp\)/);
  expect(points).toMatchObject([
    { measurement: 'abc', tags: { t1: 'b', t2: 'd' }, fields: { f1: 123, f2: 3.4 } },
    { measurement: 'def', tags: { t1: 'b', t2: 'd' }, fields: { f1: 123, f2: 3.4 } },
  ]);
  expect(collectors).toMatchObject([{ id: 'demo/Demo/demo:Demo' }]);
  expect(code).toBe(0);
}

describe.for(users)('in a hardened container, as %s', { timeout }, ([, user]) => {
  beforeEach((context) => skipIf(reason, context));

  it('the level strict is had', async () => {
    const { output } = await started(user, PROBE);
    expect(JSON.parse(output)).toMatchObject({ strict: true, seccomp: true, dropUid: false, missing: [] });
  });

  it('`check` runs the Demo confined', async () => {
    const { code, output, errors } = await started(user, [...PYTHOND, 'check', '--home', PROJECT, '--json']);
    const { collectors, failures }: Checked = JSON.parse(output);
    expect({ code, failures }).toEqual({ code: 0, failures: [] });
    expect(errors).not.toContain('NOT CONFINED');
    expect(collectors).toMatchObject([
      { id: 'demo/Demo/demo:Demo', outcome: 'succeeded', stdout: 'Demo\n', error: null },
    ]);
    expect(collectors[0]?.reports[0]?.points).toHaveLength(2);
  });

  it('a fleet with a Redis of its own delivers what the Demo reports', async () => {
    const { output } = await started(user, FLEET, ['--env', 'PYTHOND_DATA_DIR=/tmp/pythond']);
    expectDelivery(output);
  });

  it('a fleet whose data folder would be on the read-only root says which key names another one', async () => {
    const { code, errors } = await started(user, [...PYTHOND, 'up', '--home', PROJECT]);
    expect(errors).toMatch(/^The folder \S+\.pythond can't be made.* PYTHOND_DATA_DIR .*\n$/m);
    expect(code).toBe(2);
  });

  it('an engine that refuses the calls of Landlock is told of, and nothing runs', async () => {
    const folder = await mkdtemp(path.join(tmpdir(), 'pythond-profile-'));
    onTestFinished(() => rm(folder, { recursive: true }));
    const profile = path.join(folder, 'profile.json');
    await writeFile(profile, JSON.stringify(WITHOUT_LANDLOCK));
    const words = [...PYTHOND, 'check', '--home', PROJECT];
    const { code, output, errors } = await started(user, words, ['--security-opt', `seccomp=${profile}`]);
    expect(errors).toMatch(
      /^Collectors can't be confined here, so none is run\..*\n.*Landlock.*Docker 20\.10\.18/m,
    );
    expect({ code, output }).toEqual({ code: 2, output: '' });
  });

  it.for([
    ['', []],
    [', and with a /tmp that lets programs be started those made there', PROGRAMS_IN_TMP],
  ] as const)('everything honest works%s', async ([, more]) => {
    const words = ['python3', '-m', 'unittest', 'test_confine.HonestWithoutCapabilitiesTest'];
    const { errors } = await started(user, words, [...more, ...HONEST]);
    expect(errors).toMatch(/\nRan 3 tests in .*\n\nOK\n$/); // and none was skipped
  });
});

describe('in a container as it comes', { timeout }, () => {
  beforeEach((context) => skipIf(reason, context));
  const startedAsItComes = async (command: readonly string[], more: readonly string[] = []) =>
    docker([...defaultRunWords(await testImage(), more), ...command]);

  it('the level strict is had, with a user of its own for each input', async () => {
    const { output } = await startedAsItComes(PROBE);
    expect(JSON.parse(output)).toMatchObject({ strict: true, seccomp: true, dropUid: true, missing: [] });
  });

  it('a fleet with a Redis of its own delivers what the Demo reports', async () => {
    const { output } = await startedAsItComes(FLEET);
    expectDelivery(output);
  });

  it('everything honest works', async () => {
    const classes = ['WithOwnUid', 'WithoutCapabilities', 'AsPlainUser'].map(
      (who) => `test_confine.Honest${who}Test`,
    );
    const { errors } = await startedAsItComes(['python3', '-m', 'unittest', ...classes], HONEST);
    expect(errors).toMatch(/\nRan 9 tests in .*\n\nOK\n$/); // and none was skipped
  });
});
