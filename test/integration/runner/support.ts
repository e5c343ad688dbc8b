import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import {
  createHost,
  type Host,
  type HostLimits,
  type HostOptions,
  type Interpreter,
  type Report,
  type RunEnd,
  type RunRequest,
  resolveInterpreter,
} from '@pythond/runner';
import { unconfined } from '@pythond/sandbox';
import { afterAll, afterEach, expect } from 'vitest';
import { eventually } from '../../support/eventually.ts';

export const fixtures = resolve(import.meta.dirname, 'fixtures');
export const corePath = resolve(import.meta.dirname, '../../../python.d/core');
export const bundleRoot = join(fixtures, 'bundle');
export const modules = [
  { name: 'honest', file: 'python.d/Honest/honest.py', root: 'python.d/Honest', dir: 'Honest' },
  { name: 'trouble', file: 'python.d/Trouble/trouble.py', root: 'python.d/Trouble', dir: 'Trouble' },
];
/** Far more than any step takes, on a machine that is ten times slower too. */
export const PATIENCE_MS = 60_000;

const workerPath = process.env['PATH'] ?? '';
/** Every process below this test file carries it in its environment. */
export const token = `pythond-test-${process.pid}-${Date.now()}`;

export const scratch = mkdtempSync(join(tmpdir(), 'pythond-runner-'));
const open = new Set<Host>();

let python: Promise<Interpreter> | undefined;
export function python3(): Promise<Interpreter> {
  python ??= resolveInterpreter({ cmd: 'python3', environment: {}, path: workerPath, cwd: scratch });
  return python;
}

export function environment(more: Record<string, string> = {}): Record<string, string> {
  return { PATH: workerPath, TEST_TOKEN: token, ...more };
}

export async function hostOptions(more: Partial<HostOptions> = {}): Promise<HostOptions> {
  return {
    interpreter: await python3(),
    environment: environment(),
    bundleRoot,
    modules,
    policy: unconfined(),
    tmpDir: scratch,
    corePath,
    ...more,
  };
}

export async function startHost(more: Partial<HostOptions> = {}): Promise<Host> {
  const host = createHost(await hostOptions(more));
  open.add(host);
  return host;
}

/** A host of fixtures/hostile. */
export function startHostile(
  kind: string,
  limits: Partial<HostLimits> = {},
  more: Record<string, string> = {},
): Promise<Host> {
  const hostile = environment({ HOSTILE: kind, ...more });
  return startHost({ corePath: join(fixtures, 'hostile'), environment: hostile, limits });
}

export interface Ran {
  readonly end: RunEnd;
  readonly reports: Report[];
}

export async function run(host: Host, collector: string, more: Partial<RunRequest> = {}): Promise<Ran> {
  await host.ready;
  const reports: Report[] = [];
  const handle = host.run({
    collector,
    timeoutMs: PATIENCE_MS,
    leaseMs: PATIENCE_MS,
    onReport: (report) => void reports.push(report),
    ...more,
  });
  return { end: await handle.result, reports };
}

/** The processes that carry the token, by the kernel's word. */
export function ours(mark: string = token): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .map(Number)
    .filter((pid) => carries(pid, mark));
}

function carries(pid: number, mark: string): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    if (/^[ZX]/.test(stat.slice(stat.lastIndexOf(')') + 2))) return false;
    return readFileSync(`/proc/${pid}/environ`, 'latin1').includes(mark);
  } catch {
    return false;
  }
}

afterEach(async () => {
  await Promise.all([...open].map((host) => host.stop()));
  open.clear();
  await eventually('no process is left', () => ours().length === 0);
  expect(readdirSync(scratch).filter((name) => name.startsWith('host-'))).toEqual([]);
});

afterAll(() => rmSync(scratch, { recursive: true, force: true }));
