import { join } from 'node:path';
import { findSandbox, SandboxUnavailableError } from '@pythond/worker';
import { describe, expect, it } from 'vitest';
import { corePath, workerPath } from './support.ts';

const env = { PATH: workerPath };
const wanted = 'strict';
const without = join(import.meta.dirname, 'fixtures/core-without');

describe.skipIf(process.platform !== 'linux')('what a worker can confine', () => {
  it('is found out by trying', async () => {
    const sandbox = await findSandbox({ wanted, env, corePath });
    expect(sandbox).toEqual({
      level: 'strict',
      text: expect.stringMatching(/^strict \(Landlock ABI \d+, seccomp\)$/),
    });
  });

  it('is refused with what is missing, how to get it, and the way round', async () => {
    const asked = findSandbox({ wanted, env, corePath: without });
    await expect(asked).rejects.toThrow(SandboxUnavailableError);
    await expect(asked).rejects.toThrow(
      'Landlock: files of the worker could be read: use Linux 6.12 or newer',
    );
    await expect(asked).rejects.toThrow('PYTHOND_SANDBOX=none');
  });

  it('is nothing when nothing is wanted, without asking', async () => {
    expect(await findSandbox({ wanted: 'none', env, corePath: without })).toMatchObject({ level: 'none' });
  });

  it('is nothing on macOS', async () => {
    const sandbox = await findSandbox({ wanted, env, corePath: without, platform: 'darwin' });
    expect(sandbox).toEqual({ level: 'none', text: 'none: there is no sandbox on macOS' });
  });

  it('is found out later when there is no python3', async () => {
    const sandbox = await findSandbox({ wanted, env: { PATH: '/nowhere' }, corePath: without });
    expect(sandbox.level).toBe('strict');
  });

  it('is not guessed when the answer can’t be read', async () => {
    const broken = join(import.meta.dirname, 'fixtures/core-broken');
    await expect(findSandbox({ wanted, env, corePath: broken })).rejects.toThrow('no JSON');
  });
});
