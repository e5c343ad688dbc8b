import { chmodSync, chownSync, cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join, relative } from 'node:path';
import { causeOf, defaultHostLimits, type Interpreter, outcomeOf, resolveInterpreter } from '@pythond/runner';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openBox, printed, python3, secret, workerPath } from './support.ts';

const MIB = 1024 ** 2;
const NOBODY = 65_534;
/** What a copy of an interpreter can do without. */
const LEFT_OUT =
  /^(test|tests|site-packages|__pycache__|idlelib|ensurepip|tkinter|share|include|config-.*|.*\.a)$/;

const isRoot = process.getuid?.() === 0;
const folder = mkdtempSync(join(tmpdir(), 'pythond-python-'));
chmodSync(folder, 0o755);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** A Python that everybody may read, wherever the one of the PATH lies. */
let interpreter: Interpreter;
/** It may have been told at its build where its library lies. */
let library: Record<string, string> = {};
beforeAll(async () => {
  if (!isRoot) return;
  const { basePrefix, executable } = await python3();
  if (basePrefix === '/usr') interpreter = await python3();
  else {
    const copy = join(folder, 'python');
    cpSync(basePrefix, copy, {
      recursive: true,
      verbatimSymlinks: true,
      filter: (from) => !LEFT_OUT.test(basename(from)),
    });
    const cmd = join(copy, relative(basePrefix, executable));
    library = { LD_LIBRARY_PATH: join(copy, 'lib') };
    interpreter = await resolveInterpreter({ cmd, environment: library, path: workerPath, cwd: folder });
  }
});

describe.skipIf(!isRoot)('a worker that runs as root', () => {
  it('gives an input a uid of its own, which holds the same', async () => {
    const box = await openBox({}, { interpreter, env: library });
    const { uid } = box.confinement;
    expect(uid).toBeGreaterThanOrEqual(61_184);
    expect(printed(await box.run('Spy'))).toMatchObject({
      ...{ uid, gid: uid, groups: [], capabilities: '0000000000000000' },
      ...{ environ: 'EACCES', memory: 'EACCES', 'host environ': 'EACCES', file: 'EACCES', signal: 'EPERM' },
      ...{ write: 'EACCES', bundle: 'EACCES', subprocess: 'OK', proc: 'OK', temporary: 'OK' },
    });
    expect(outcomeOf(await box.run('Steady'))).toEqual({ kind: 'succeeded' });
  });

  it('sees what those of another uid use, and ends them', async () => {
    const box = await openBox({ memoryBytes: 128 * MIB, tmpBytes: 8 * MIB }, { interpreter, env: library });
    for (const [collector, cause] of [
      ['Memory', 'killed: used more than 128 MiB'],
      ['Temporary', 'killed: put more than 8 MiB into its temporary folder'],
      ['Deleted', 'killed: put more than 8 MiB into its temporary folder'],
    ] as const) {
      expect(causeOf(await box.run(collector), defaultHostLimits)).toBe(cause);
    }
    expect(causeOf(await box.run('Shared'), defaultHostLimits)).toBe('succeeded');
  });

  it('lets an input be the user that it asks for', async () => {
    const file = join(folder, 'theirs');
    writeFileSync(file, 'x', { mode: 0o600 });
    chownSync(file, NOBODY, NOBODY);
    const env = { ...library, BOX_SECRET: file };
    const readPaths = [file];
    const as = async (user: string | null) =>
      printed(await (await openBox({ user, readPaths }, { interpreter, env })).run('Spy'));
    expect(await as(String(NOBODY))).toMatchObject({ uid: NOBODY, file: 'OK', environ: 'EACCES' });
    expect(await as(null)).toMatchObject({ file: 'EACCES' });
    expect(await as('root')).toMatchObject({ uid: 0, file: 'EACCES', capabilities: '0000000000000000' });
  });

  it('keeps its own user, without capabilities, where the interpreter is not for everybody', async () => {
    chmodSync(folder, 0o700);
    try {
      const box = await openBox({}, { interpreter, env: library });
      expect(box.confinement.uid).toBeNull();
      const spied = printed(await box.run('Spy'));
      expect(spied).toMatchObject({ uid: 0, environ: 'EACCES', file: 'EACCES', signal: 'EPERM' });
    } finally {
      chmodSync(folder, 0o755);
    }
  });

  it('says so when nobody has the name of the user', async () => {
    await expect(
      openBox({ user: 'no-such-user', readPaths: [secret] }, { interpreter, env: library }),
    ).rejects.toThrow('user = "no-such-user" is nobody on this worker');
  });
});
