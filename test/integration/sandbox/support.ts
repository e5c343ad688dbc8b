import { chmodSync, cpSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type { InputRecord } from '@pythond/jobs';
import {
  createHost,
  type Host,
  type Interpreter,
  type RunEnd,
  type RunRequest,
  resolveInterpreter,
} from '@pythond/runner';
import { type Confinement, defaultPolicy, type Policy } from '@pythond/sandbox';
import { confineInput } from '@pythond/worker';
import { afterAll, afterEach, expect } from 'vitest';
import { eventually } from '../../support/eventually.ts';
import { ours, token } from '../runner/support.ts';

const fixture = resolve(import.meta.dirname, 'fixtures/bundle');
/** A copy for everybody: the clone may lie where only its owner can read. */
export const corePath = mkdtempSync(join(tmpdir(), 'pythond-core-'));
cpSync(resolve(import.meta.dirname, '../../../python.d/core'), corePath, { recursive: true });
chmodSync(corePath, 0o755);
const modules = [{ name: 'box', file: 'python.d/Box/box.py', root: 'python.d/Box', dir: 'Box' }];
/** Far more than any step takes, on a machine that is ten times slower too. */
export const PATIENCE_MS = 60_000;
export const workerPath = process.env['PATH'] ?? '';

/** Where hosts get their folders; open to all, as a worker's is. */
const tmpDir = mkdtempSync(join(tmpdir(), 'pythond-sandbox-'));
chmodSync(tmpDir, 0o755);
/** A file of the worker that everybody may read, but for the sandbox. */
export const secret = join(mkdtempSync(join(tmpdir(), 'pythond-secret-')), 'secret');
writeFileSync(secret, 'worker only');
chmodSync(resolve(secret, '..'), 0o755);

const open = new Set<Host>();

export interface Box {
  readonly host: Host;
  readonly confinement: Confinement;
  run(collector: string, more?: Partial<RunRequest>): Promise<RunEnd>;
}

export function python3(): Promise<Interpreter> {
  return resolveInterpreter({ cmd: 'python3', environment: {}, path: workerPath, cwd: tmpDir });
}

/** A host of fixtures/bundle under a policy, told its rights as a worker tells it. */
export async function openBox(
  policy: Partial<Policy> = {},
  { interpreter, env = {} }: { interpreter?: Interpreter; env?: Record<string, string> } = {},
): Promise<Box> {
  const python = interpreter ?? (await python3());
  const environment = {
    ...{ PATH: workerPath, TEST_TOKEN: token, BOX_SECRET: secret, BOX_WORKER: String(process.pid), ...env },
  };
  const bundleRoot = mkdtempSync(join(tmpDir, 'bundle-'));
  chmodSync(bundleRoot, 0o755);
  cpSync(fixture, bundleRoot, { recursive: true });
  const record = {
    key: 'box',
    name: 'box',
    modules,
    policy: { ...defaultPolicy, ...policy },
  } as unknown as InputRecord;
  const confinement = await confineInput(
    { record, interpreter: python, environment, bundleRoot },
    { level: 'strict', corePath, tmpDir },
  );
  const host = createHost({
    ...{ interpreter: python, environment, bundleRoot, modules, policy: confinement, tmpDir, corePath },
  });
  open.add(host);
  await host.ready;
  const run = (name: string, more: Partial<RunRequest> = {}) =>
    host.run({ collector: `Box/box:${name}`, timeoutMs: PATIENCE_MS, leaseMs: 2 * PATIENCE_MS, ...more })
      .result;
  return { host, confinement, run };
}

/** What a run printed. */
export function printed(end: RunEnd): Record<string, unknown> {
  expect(end.error, end.stderr).toBeNull();
  return JSON.parse(end.stdout);
}

afterEach(async () => {
  await Promise.all([...open].map((host) => host.stop()));
  open.clear();
  await eventually('no process is left', () => ours().length === 0);
  expect(readdirSync(tmpDir).filter((name) => name.startsWith('host-'))).toEqual([]);
});

afterAll(() => {
  rmSync(tmpDir, { recursive: true, force: true });
  rmSync(corePath, { recursive: true, force: true });
  rmSync(resolve(secret, '..'), { recursive: true, force: true });
});
