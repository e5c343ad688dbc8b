import { access, chmod, mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { Inputs, keys } from '@pythond/registry';
import { expect, it, vi } from 'vitest';
import { eventually as eventuallyWithin } from '../support/eventually.ts';
import { makeFleet, type TestFleet } from '../support/fleet.ts';
import { block } from '../support/home.ts';

vi.setConfig({ testTimeout: 900_000, hookTimeout: 600_000 });

const PATIENCE_MS = 300_000;
const eventually = <T>(what: string, probe: () => T | Promise<T>) =>
  eventuallyWithin(what, probe, PATIENCE_MS);

const ID = 'a/a/a:A';
const code = (text: string) => `
from datakit_framework import DataKitFramework


class A(DataKitFramework):
    name = 'a'

    def run(self):
        ${text}
`;

/** Everything that somebody with the password of Redis has, and no file of the fleet. */
function intruder({ redis }: TestFleet) {
  const hash = keys.input('a');
  const inputs = new Inputs(redis);
  return {
    latest: async () => Number(await redis.hget(hash, 'latest')),
    isSigned: async () => (await redis.hexists(hash, `s:${await redis.hget(hash, 'latest')}`)) === 1,
    rewrite: async (change: Readonly<Record<string, unknown>>) => {
      const number = await redis.hget(hash, 'latest');
      const record = JSON.parse((await redis.hget(hash, `r:${number}`)) ?? '');
      await redis.hset(hash, `r:${number}`, JSON.stringify({ ...record, ...change }));
    },
    publishCmd: async (cmd: string) => {
      await redis.hset(keys.settings, 'cmds:default', JSON.stringify([cmd]));
    },
    swapBundle: async (digest: string, by: string) => {
      await redis.copy(keys.bundle(by), keys.bundle(digest), 'REPLACE');
    },
    bundleOf: async (input: string) => (await inputs.latest(input))?.bundle ?? '',
  };
}

it('workers with trusted keys run what a scheduler signed, and nothing that somebody else wrote into Redis', async () => {
  const fleet = await makeFleet();
  const { dir } = fleet.home;
  const marker = path.join(dir, 'marker');
  const wasRun = () =>
    access(marker).then(
      () => true,
      () => false,
    );
  const evil = path.join(dir, 'evil');
  await fleet.home.write({
    'conf.d/a.conf': block('a', ['a'], '  interval = "1h"'),
    'conf.d/b.conf': block('b', ['b'], '  interval = "1h"\n  paused = true'),
    'python.d/a/a.py': code(`self.feed_metric(measurement='a', fields={'n': 1})`),
    'python.d/b/a.py': code(`open(${JSON.stringify(marker)}, 'w').close()`),
    evil: `#!/bin/sh\ntouch ${marker}\nexec python3 "$@"\n`,
    tried: `#!/bin/sh\ntouch ${marker}\nexec python3 "$@"\n`,
  });
  await chmod(evil, 0o755);
  await chmod(path.join(dir, 'tried'), 0o755);
  const by = intruder(fleet);

  // the keys, which are made once
  const made = JSON.parse((await fleet.cli('keys', 'new', '--json')).stdout);
  expect(made).toEqual({
    id: expect.stringMatching(/^[0-9a-f]{16}$/),
    privateFile: path.join(dir, 'fleet.key'),
    publicFile: path.join(dir, 'fleet.pub'),
  });
  const before = await readFile(made.privateFile, 'utf8');
  expect((await stat(made.privateFile)).mode & 0o777).toBe(0o600);
  const again = await fleet.cli('keys', 'new');
  expect(again).toMatchObject({ code: 2, stdout: '' });
  expect(again.stderr).toContain('is there already, and keys are never overwritten');
  expect(await readFile(made.privateFile, 'utf8')).toBe(before);
  const told = await fleet.cli('keys', 'new', 'another');
  expect(told.stdout).toMatch(
    /another\.key\n {6}private: for schedulers only[\s\S]*another\.pub\n {6}public: /,
  );
  const swapped = await fleet.start('worker', { PYTHOND_TRUSTED_KEYS: 'fleet.key' }).ended;
  expect(swapped).toMatchObject({ code: 2 });
  expect(swapped.stderr).toContain('holds a private key, which belongs to schedulers only');

  const signing = { PYTHOND_SIGNING_KEY: 'fleet.key' };
  const startWorker = async (env: Readonly<Record<string, string>>) => {
    const cache = await mkdtemp(path.join(dir, 'cache-')); // what another worker has unpacked is not at hand
    await chmod(cache, 0o755);
    return fleet.startWorker({ ...env, PYTHOND_CACHE_DIR: cache });
  };
  const trusting = () => startWorker({ PYTHOND_TRUSTED_KEYS: 'another.pub:fleet.pub' });
  const succeeded = { outcome: { kind: 'succeeded' } };
  const refused = (hint: RegExp) => ({
    outcome: { kind: 'failed', reason: 'unavailable' },
    hint: expect.stringMatching(hint),
  });

  // without keys, who can write to Redis decides what runs: the attack works
  let scheduler = fleet.start('scheduler');
  let worker = await startWorker({});
  await eventually('its first run', async () => (await fleet.counts(ID))['succeeded']);
  expect((await fleet.cli('workers')).stdout).toContain('acts on unsigned records: no trusted_keys');
  await worker.stop('SIGTERM');
  await by.rewrite({ cmd: evil });
  worker = await startWorker({});
  await fleet.run(ID);
  expect(await wasRun()).toBe(true);
  await rm(marker);
  // so does one by what workers are to try
  await by.publishCmd(path.join(dir, 'tried')); // a worker asks an interpreter that it knows only now and then
  await eventually('the marker', wasRun);
  await worker.stop('SIGTERM');
  await by.rewrite({ cmd: 'python3' });
  await rm(marker);

  // trust comes before the signatures: nothing runs, and it says why
  worker = await trusting();
  expect(await fleet.run(ID)).toMatchObject(refused(/^version 1 of input a is not signed, .*signing_key/));
  expect((await fleet.cli('show', ID)).stdout).toContain('version 1 of input a is not signed');
  expect(await wasRun()).toBe(false);
  expect((await fleet.cli('workers')).stdout).toMatch(
    new RegExp(`acts on records signed with [0-9a-f]{16} or ${made.id} only`),
  );
  // a scheduler that signs heals it, without another version
  await scheduler.stop('SIGTERM');
  scheduler = fleet.start('scheduler', signing);
  await eventually('the signature', by.isSigned);
  expect(await fleet.run(ID)).toMatchObject(succeeded);
  expect(await by.latest()).toBe(1);
  await scheduler.stop('SIGTERM');
  await worker.stop('SIGTERM');

  // the same attack again
  const changes: Readonly<Record<string, unknown>>[] = [
    { cmd: evil },
    { bundle: await by.bundleOf('b') },
    { envs: ['PYTHONSTARTUP=/tmp/x'], policy: { sandbox: 'none' } },
  ];
  worker = await trusting();
  for (const change of changes) {
    await by.rewrite(change);
    expect(await fleet.run(ID)).toMatchObject(
      refused(/^version 1 of input a is not what was signed: somebody changed it in Redis/),
    );
  }
  const shown = await fleet.cli('show', ID);
  expect(shown.stdout).toMatch(/version 1 of input a is not what was\s+signed/);
  expect(await wasRun()).toBe(false);

  // a scheduler that was just started takes it from its files, as a version of its own
  scheduler = fleet.start('scheduler', signing);
  await eventually('the version of its files', async () => (await fleet.view(ID))?.record.inputNumber === 2);
  expect(await fleet.run(ID)).toMatchObject(succeeded);
  // and puts right what is changed under it
  await by.rewrite({ cmd: evil });
  await eventually('the record to be right', async () => {
    return JSON.parse((await fleet.redis.hget(keys.input('a'), 'r:2')) ?? '').cmd === 'python3';
  });

  // a roll-back is asked for without the key, and signed
  await fleet.home.write({ 'python.d/a/a.py': code(`self.feed_metric(measurement='a', fields={'n': 2})`) });
  await eventually('the edit', async () => (await fleet.view(ID))?.record.inputNumber === 3);
  const back = await fleet.cli('rollout', 'rollback', 'a', '2', '--json');
  expect(back).toMatchObject({ code: 0, stderr: '' });
  expect(await fleet.run(ID)).toMatchObject(succeeded);
  expect((await fleet.view(ID))?.record.inputNumber).toBe(4);

  // a bundle of other bytes under the digest that was signed
  await worker.stop('SIGTERM');
  await by.swapBundle(await by.bundleOf('a'), await by.bundleOf('b'));
  worker = await trusting();
  expect(await fleet.run(ID)).toMatchObject(refused(/bundle/));
  expect(await wasRun()).toBe(false);
});
