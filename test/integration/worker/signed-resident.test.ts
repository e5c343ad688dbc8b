import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type CollectorId, type InputDefinition, makeKeyFiles, readSealingKey } from '@pythond/jobs';
import { Recurring } from '@pythond/lifecycle';
import { BundleArchive, Collectors, Inputs, Residents, Sealer } from '@pythond/registry';
import { defaultPolicy } from '@pythond/sandbox';
import { prepareInput } from '@pythond/scheduler';
import { createLogger } from '@pythond/telemetry';
import { Worker } from '@pythond/worker';
import { expect, it, onTestFinished } from 'vitest';
import { repository } from '../../support/cli.ts';
import { eventually } from '../../support/eventually.ts';
import { makeHome } from '../../support/home.ts';
import { startTestRedis } from '../../support/redis.ts';

const ID = 'r/r/r:R' as CollectorId;
const LIFE_MS = 5_000;
const PATIENCE_MS = 120_000;

it('a resident goes on as long as the signature of its record is renewed, and no longer', async () => {
  const server = await startTestRedis();
  onTestFinished(() => server.stop());
  const cacheDir = await mkdtemp(path.join(tmpdir(), 'pythond-signed-'));
  onTestFinished(() => rm(cacheDir, { recursive: true, force: true }));
  const home = await makeHome({
    'python.d/r/r.py': `from datakit_framework import DataKitFramework


class R(DataKitFramework):
    name = 'r'

    def run(self):
        print('called')
`,
  });
  onTestFinished(() => home.remove());
  const key = readSealingKey(makeKeyFiles().privateText);
  if (!key) throw new Error('no key');

  // as a scheduler puts it
  const sealer = new Sealer({ key, lifeMs: LIFE_MS });
  const inputs = new Inputs(server.redis, sealer);
  const definition = { dirs: ['r'], files: [] } as unknown as InputDefinition;
  const prepared = await prepareInput(definition, { home: home.dir, limits: {} });
  await new BundleArchive(server.redis).put(prepared.digest, prepared.archive);
  const content = {
    ...{ key: 'r', name: 'r', cmd: 'python3', envs: null, bundle: prepared.digest, tags: {} },
    ...{ modules: [...prepared.modules], roots: [...prepared.roots], isolation: 'resident' as const },
    ...{ state: false, pool: 'default', datakit: null, destinations: null, integers: 'float' as const },
    ...{ policy: { ...defaultPolicy, sandbox: 'none' as const }, intervalMs: null, timeoutMs: null },
    ...{ align: false, paused: false, scope: 'fleet' as const },
  };
  await inputs.put(content, { file: 'conf.d/r.conf', commit: null });
  const renew = async () => {
    const sealed = sealer.known('r', 1);
    if (sealed) await inputs.seal('r', 1, sealer.renew('r', 1, sealed));
  };
  const renewing = () => {
    const recurring = new Recurring(renew, 250, () => undefined);
    recurring.start();
    onTestFinished(() => recurring.stop());
    return recurring;
  };
  const scheduler = renewing();
  const collectors = new Collectors(server.redis);
  const record = {
    ...{
      v: 1 as const,
      id: ID,
      input: 'r',
      inputNumber: 1,
      key: 'r/r:R',
      module: 'r',
      class: 'R',
      name: 'r',
    },
    ...{ everyMs: 500, timeoutMs: 300_000, paused: false, offsetMs: 7, pool: 'default' },
    ...{ isolation: 'resident' as const, resident: { code: 'asked', message: 'asked' } },
  };
  await collectors.register([record]);
  await new Residents(server.redis).put({
    ...{ v: 1, input: 'r', number: 1, pool: 'default', collectors: [record] },
  });

  const worker = new Worker({
    ...{ name: 'w', host: 'h', version: '0', redis: server.target, pools: ['default'], concurrency: 2 },
    ...{ maxHosts: 1, maxHostBytes: 1e9, maxResidents: 1, drainMs: 20_000, datakit: null, outbox: {} },
    ...{ late: 'send', sandbox: 'none', cacheDir, secretsDirs: [], trustedKeys: [key], env: process.env },
    corePath: path.join(repository, 'python.d/core'),
    log: createLogger({ level: 'silent', app: 'worker', file: null }),
  });
  onTestFinished(() => worker.stop());
  await worker.start();
  const newest = async () => (await collectors.runs(ID, 1))[0];
  const called = (afterMs: number) =>
    eventually(
      'a call of run()',
      async () => {
        const run = await newest();
        return run?.outcome.kind === 'succeeded' && run.startedMs > afterMs;
      },
      PATIENCE_MS,
    );
  await called(0);
  await called(Date.now() + LIFE_MS); // the signature that it was started by has ended

  await scheduler.stop();
  const ended = /^the signature of version 1 of input r ended at .*signing_key/;
  await eventually('it to end', async () => ended.test((await newest())?.hint ?? ''), PATIENCE_MS);
  await eventually(
    'it not to start',
    async () => {
      const run = await newest();
      return run?.outcome.kind === 'failed' && run.outcome.reason === 'unavailable';
    },
    PATIENCE_MS,
  );
  const nowMs = Date.now();
  expect(JSON.parse((await inputs.stored('r', 1))?.seal ?? '').endsMs).toBeLessThanOrEqual(nowMs);

  renewing();
  await called(nowMs);
});
