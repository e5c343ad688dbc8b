import { lstat } from 'node:fs/promises';
import path from 'node:path';
import type { RunRecord } from '@pythond/jobs';
import { Fleet, Inputs } from '@pythond/registry';
import { describe, expect, it } from 'vitest';
import { eventually as eventuallyWithin } from '../support/eventually.ts';
import { makeFleet, type TestFleet } from '../support/fleet.ts';
import { startTestGit } from '../support/git-server.ts';
import { redisContents } from '../support/redis-contents.ts';
import { openBlock } from '../support/tally.ts';

const PATIENCE_MS = 300_000;
const slow = { timeout: 900_000 };

const eventually = <T>(what: string, probe: () => T | Promise<T>) =>
  eventuallyWithin(what, probe, PATIENCE_MS);

const speaker = (says: string) => `from datakit_framework import DataKitFramework


class One(DataKitFramework):
    interval = 0.5

    def run(self):
        print(${JSON.stringify(says)})
`;

const saidBy = ({ stdout }: RunRecord) => stdout.trim();

const untilSays = (fleet: TestFleet, id: string, says: string, sinceMs = 0) =>
  eventually(`${id} to say ${says}`, async () =>
    (await fleet.runs(id)).some((run) => run.startedMs > sinceMs && saidBy(run) === says),
  );

const problems = async (fleet: TestFleet) =>
  (await new Fleet(fleet.redis).problems()).map(({ level, code, text }) => `${level} ${code} ${text}`);

/** The newest numbers of inputs and the versions in force. */
async function numbers(inputs: Inputs): Promise<Readonly<Record<string, readonly (number | null)[]>>> {
  const all = await inputs.rollouts();
  return Object.fromEntries(
    all.map(({ input, inForce, versions }) => [input, [versions[0]?.number ?? null, inForce]]),
  );
}

describe('a fleet whose inputs are in a git repo', () => {
  it(
    'runs what is committed; a commit changes its own inputs; a remote that is away stops nothing',
    slow,
    async ({ onTestFinished }) => {
      const remote = await startTestGit({ credentials: 'me:hunter2' });
      onTestFinished(() => remote.remove());
      const fleet = await makeFleet({ atEnd: onTestFinished });
      const inputs = new Inputs(fleet.redis);
      const marker = path.join(fleet.home.dir, 'it-happened');
      await remote.commit({
        'conf.d/inputs.conf': `${openBlock('a', ['a'])}\n${openBlock('b', ['b'])}\n${openBlock('c', ['local'])}`,
        'python.d/a/a.py': speaker('a one'),
        'python.d/b/b.py': speaker('b one'),
        '.githooks/post-checkout': `#!/bin/sh\ntouch ${marker}\n`,
        '.gitattributes': `*.py filter=evil\n`,
      });
      await fleet.home.write({
        'pythond.toml': [
          '[git_repos]',
          'pull_interval = "1s"',
          '[[git_repos.repo]]',
          'enable = true',
          `url = "${remote.url.replace('http://', 'http://me:hunter2@')}"`,
        ].join('\n'),
        'conf.d/own.conf': openBlock('own', ['own']),
        'python.d/own/own.py': speaker('never'),
        'python.d/local/l.py': speaker('a module of this machine'),
        'python.d/a/a.py': speaker('never: the repo has it'),
      });
      const first = fleet.start('scheduler');
      const workers = await Promise.all([fleet.startWorker(), fleet.startWorker()]);
      await untilSays(fleet, 'a/a/a:One', 'a one');
      await untilSays(fleet, 'b/b/b:One', 'b one');
      await untilSays(fleet, 'c/local/l:One', 'a module of this machine');
      expect(await numbers(inputs)).toEqual({ a: [1, 1], b: [1, 1], c: [1, 1] });

      const commit = await remote.commit({ 'python.d/a/a.py': speaker('a two') });
      await untilSays(fleet, 'a/a/a:One', 'a two');
      expect(await numbers(inputs)).toEqual({ a: [2, 2], b: [1, 1], c: [1, 1] });
      expect((await inputs.rollout('a'))?.versions[0]?.commit).toBe(`shop@${commit.slice(0, 12)}`);

      await remote.close();
      const away = await eventually('the problem to be shown', async () =>
        (await problems(fleet)).find((text) => text.startsWith('error git-')),
      );
      expect(away).toContain(`commit ${commit.slice(0, 12)} goes on`);
      const sinceMs = Date.now();
      await untilSays(fleet, 'a/a/a:One', 'a two', sinceMs);
      // nor does a scheduler that starts meanwhile lose anything
      await first.stop('SIGTERM');
      const second = fleet.start('scheduler');
      await eventually('the home to be read', () => second.stdout().includes('"kind":"home-read"'));
      expect(await numbers(inputs)).toEqual({ a: [2, 2], b: [1, 1], c: [1, 1] });

      // what comes while it was away: a mistake in one, a link out, and a module less in the other
      remote.git('rm', '--quiet', 'python.d/b/b.py');
      await remote.commit({ 'python.d/a/a.py': 'def (:\n', 'python.d/b/b2.py': speaker('b two') });
      await remote.listen();
      await untilSays(fleet, 'b/b/b2:One', 'b two');
      await eventually('the one that went to be gone', async () => (await fleet.view('b/b/b:One')) === null);
      const held = await eventually('the mistake to be held back', async () =>
        (await problems(fleet)).find((text) => text.includes('held-back')),
      );
      expect(held).toContain('a: version 3 is held back, and version 2 goes on');
      await untilSays(fleet, 'a/a/a:One', 'a two', Date.now());
      await eventually('the remote to be no problem any more', async () =>
        (await problems(fleet)).every((text) => !text.includes('error git-')),
      );

      expect(await lstat(marker).catch(() => null)).toBeNull();
      const { bytes } = await redisContents(fleet.redis);
      expect(bytes.includes('hunter2')).toBe(false);
      const told = [first, second, ...workers].map((cli) => cli.stdout() + cli.stderr()).join('');
      expect(told).not.toContain('hunter2');
    },
  );

  it(
    'gets it from datakit.conf too, and keeps what it ran while nothing was fetched yet',
    slow,
    async ({ onTestFinished }) => {
      const remote = await startTestGit();
      onTestFinished(() => remote.remove());
      const fleet = await makeFleet({ atEnd: onTestFinished });
      const inputs = new Inputs(fleet.redis);
      await remote.commit({ 'conf.d/a.conf': openBlock('a', ['a']), 'python.d/a/a.py': speaker('from git') });
      await fleet.home.write({
        'conf.d/own.conf': openBlock('own', ['own']),
        'python.d/own/own.py': speaker('own'),
      });
      fleet.start('scheduler');
      await fleet.startWorker();
      await untilSays(fleet, 'own/own/own:One', 'own');

      await remote.close();
      await fleet.home.write({
        'conf.d/datakit.conf': [
          '[git_repos]',
          '  pull_interval = "1s"',
          '  [[git_repos.repo]]',
          '    enable = true',
          `    url = "${remote.url}"`,
          '    ssh_private_key_path = ""',
          '    ssh_private_key_password = ""',
          '    branch = "master"',
        ].join('\n'),
      });
      const said = await eventually('the problem to be shown', async () =>
        (await problems(fleet)).find((text) => text.startsWith('error git-')),
      );
      expect(said).toContain('nothing of it is here yet, and no input ends for that');
      await untilSays(fleet, 'own/own/own:One', 'own', Date.now());

      await remote.listen();
      await untilSays(fleet, 'a/a/a:One', 'from git');
      await eventually('the local input to be gone', async () => (await inputs.names()).join() === 'a');
      expect(await fleet.view('own/own/own:One')).toBeNull();
    },
  );
});
