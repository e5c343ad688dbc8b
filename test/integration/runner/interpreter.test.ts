import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { type Interpreter, type InterpreterRequest, resolveInterpreter } from '@pythond/runner';
import { describe, expect, it } from 'vitest';
import { ours, python3, scratch, token } from './support.ts';

const path = process.env['PATH'] ?? '';

function ask(cmd: string, more: Partial<InterpreterRequest> = {}): Promise<Interpreter> {
  return resolveInterpreter({ cmd, environment: {}, path, cwd: scratch, input: 'x', ...more });
}

/** A folder with one executable script. */
function command(text: string, name = 'python'): { folder: string; file: string } {
  const folder = mkdtempSync(join(scratch, 'bin-'));
  const file = join(folder, name);
  writeFileSync(file, text);
  chmodSync(file, 0o755);
  return { folder, file };
}

function refusal(code: string, ...parts: string[]) {
  const message = parts.map((part) => expect.stringContaining(part));
  return {
    asymmetricMatch: (error: { code: string; message: string }) =>
      error.code === code && message.every((part) => part.asymmetricMatch(error.message)),
  };
}

describe('resolveInterpreter', () => {
  it('finds a name on the worker’s PATH and asks what it is', async () => {
    const found = await ask('python3');
    expect(found.version).toMatch(/^3\.\d+\.\d+$/);
    expect(existsSync(found.executable)).toBe(true);
    expect(found).toMatchObject({
      prefix: expect.stringMatching(/^\//),
      basePrefix: expect.stringMatching(/^\//),
    });
  });

  it('looks for a name on the worker’s PATH, not on the input’s', async () => {
    const { folder } = command('#!/bin/sh\nexit 7\n', 'python3');
    const found = await ask('python3', { environment: { PATH: folder } });
    expect(found.executable).toBe((await python3()).executable);
  });

  it('takes an absolute path, and a virtual environment for what it is', async () => {
    const base = await python3();
    const venv = mkdtempSync(join(scratch, 'venv-'));
    mkdirSync(join(venv, 'bin'));
    writeFileSync(
      join(venv, 'pyvenv.cfg'),
      `home = ${dirname(base.executable)}\nversion = ${base.version}\n`,
    );
    const python = join(venv, 'bin', 'python');
    symlinkSync(base.executable, python);
    expect(await ask(python)).toEqual({
      executable: python,
      version: base.version,
      prefix: venv,
      basePrefix: base.prefix,
      found: python,
    });
    expect((await ask('bin/python', { cwd: venv })).executable).toBe(python);
  });

  it('asks a shim once, and then names what is behind it', async () => {
    const { executable } = await python3();
    const { file, folder } = command(
      `#!/bin/sh\necho asked >> "$(dirname "$0")/log"\nexec ${executable} "$@"\n`,
    );
    const answers = await Promise.all([ask(file), ask(file)]);
    answers.push(await ask(file));
    for (const answer of answers) expect(answer).toMatchObject({ executable, found: file });
    expect(readFileSync(join(folder, 'log'), 'utf8')).toBe('asked\n');
    await ask(file, { environment: { PYENV_VERSION: '3.9' } });
    expect(readFileSync(join(folder, 'log'), 'utf8')).toBe('asked\nasked\n');
    writeFileSync(file, readFileSync(file, 'utf8').replace('echo asked', 'echo changed'));
    await ask(file);
    expect(readFileSync(join(folder, 'log'), 'utf8')).toBe('asked\nasked\nchanged\n');
  });

  it('says what is missing, where it looked, and what to do', async () => {
    await expect(ask('python9', { path: '/no/where:/usr/bin' })).rejects.toEqual(
      refusal(
        'interpreter-not-found',
        `cmd = "python9" of input 'x' was not found on this worker's PATH (/no/where:/usr/bin)`,
        'install it or write an absolute path',
      ),
    );
    await expect(ask('/no/such/python')).rejects.toEqual(
      refusal('interpreter-not-found', '"/no/such/python"'),
    );
  });

  it('passes over what can’t be executed, and says so when there is nothing else', async () => {
    const { folder, file } = command('#!/bin/sh\n', 'python3');
    chmodSync(file, 0o644);
    expect((await ask('python3', { path: `${folder}:${path}` })).version).toMatch(/^3/);
    await expect(ask('python3', { path: folder })).rejects.toEqual(
      refusal('interpreter-not-executable', file, 'not executable'),
    );
    await expect(ask(folder)).rejects.toEqual(refusal('interpreter-not-executable', 'a folder'));
  });

  it.each([
    ['says something else', '#!/bin/sh\necho hello\n', ['does not behave like Python', 'hello']],
    [
      'fails',
      '#!/bin/sh\necho "version 3.99 is not installed" >&2\nexit 127\n',
      ['127', '3.99 is not installed'],
    ],
    ['is no program', '\0\0\0\0', ['does not behave like Python']],
    ['names an interpreter that is not there', '#!/no/such/interpreter\n', ['could not be executed']],
    ['prints without end', '#!/bin/sh\nwhile :; do echo yes; done\n', ['does not behave like Python']],
  ])('refuses what %s', async (_, text, parts) => {
    await expect(ask(command(text).file)).rejects.toEqual(refusal('interpreter-not-python', ...parts));
  });

  it('refuses an old Python', async () => {
    const old = command(
      '#!/bin/sh\nprintf "pythond-interpreter\\0002.7.18\\000/usr/bin/python2\\000/usr\\000/usr\\000"\n',
    );
    await expect(ask(old.file)).rejects.toEqual(
      refusal('interpreter-too-old', 'is Python 2.7.18 (/usr/bin/python2)', '3.8 or newer is needed'),
    );
  });

  it('kills what does not answer, with its children, and tries again the next time', async () => {
    const { file } = command('#!/bin/sh\ntrap "" TERM\nsleep 3600 & sleep 3600\n');
    const request = { timeoutMs: 300, environment: { TEST_TOKEN: token } };
    await expect(ask(file, request)).rejects.toEqual(refusal('interpreter-hangs', file, '0.3 s'));
    expect(ours()).toEqual([]);
    await expect(ask(file, request)).rejects.toEqual(refusal('interpreter-hangs', file));
  });

  it.each(['3.6.15', '3.7.16', '3.8.18', '3.9.18', '3.10.13', '3.12.1', '3.13.0', '2.7.18'])(
    'knows Python %s where it is installed',
    async (version) => {
      const python = join(process.env['PYENV_ROOT'] ?? '/root/.pyenv', 'versions', version, 'bin', 'python');
      if (!existsSync(python)) return;
      const answer = await ask(python).catch((error) => error);
      const old = /^(2|3\.[67])\./.test(version);
      expect(answer).toMatchObject(old ? { code: 'interpreter-too-old' } : { version, executable: python });
    },
  );
});
