import { chmod, rename, symlink, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { afterEach, describe, expect, it, onTestFinished } from 'vitest';
import { block, makeHome, readConf, readHome, removeHomes } from './home.test-kit.ts';
import { readTextFile } from './read-text-file.ts';
import { walkConf } from './walk-conf.ts';

afterEach(removeHomes);

const text = async (content: string | Uint8Array) => (await readConf(content)).texts;
const bytes = (...parts: (string | number[])[]) =>
  Buffer.concat(parts.map((part) => (typeof part === 'string' ? Buffer.from(part) : Buffer.from(part))));

/** A home with a good file after the bad one: it is read whatever the bad one is. */
async function besideGood(make: (path: string) => unknown): Promise<readonly string[]> {
  const home = await makeHome({ 'conf.d/good.conf': block() });
  await make(join(home, 'conf.d/bad.conf'));
  const { inputs, texts } = await readHome(home);
  expect(inputs.map(({ key }) => key)).toEqual(['web']);
  return texts;
}

describe('a conf file that is none', () => {
  it('but a link to /dev/zero is told', async () => {
    expect(await besideGood((path) => symlink('/dev/zero', path))).toEqual([
      'conf.d/bad.conf: the file is a device, not a regular file; move it elsewhere',
    ]);
  });

  it('but a socket is told', async () => {
    const server = createServer();
    onTestFinished(() => void server.close());
    const texts = await besideGood((path) => new Promise<void>((done) => server.listen(path, done)));
    expect(texts).toEqual(['conf.d/bad.conf: the file is a socket, not a regular file; move it elsewhere']);
  });

  it('but a link to a folder is told and not walked', async () => {
    expect(await besideGood((path) => symlink('..', path))).toEqual([
      'conf.d/bad.conf: the file is a folder behind a link, not a file; remove the link, or move the folder here',
    ]);
  });

  it('but a link in a circle is told', async () => {
    expect(await besideGood((path) => symlink('bad.conf', path))).toEqual([
      'conf.d/bad.conf: the file is a link that leads in a circle; remove it',
    ]);
  });

  it('but a link to nothing is told', async () => {
    expect(await besideGood((path) => symlink('nothing', path))).toEqual([
      'conf.d/bad.conf: the file is a link to what does not exist; remove it',
    ]);
  });

  it.runIf(process.platform === 'linux')('but one that the system can not read is told', async () => {
    expect(await besideGood((path) => symlink('/proc/self/mem', path))).toEqual([
      "conf.d/bad.conf: the file can't be read: the system says EIO; move it elsewhere",
    ]);
  });

  it.skipIf(process.getuid?.() === 0)('but one that may not be read is told', async () => {
    const texts = await besideGood(async (path) => {
      await writeFile(path, block());
      await chmod(path, 0);
    });
    expect(texts).toEqual([
      'conf.d/bad.conf: the file may not be read by this user; give it read permission',
    ]);
  });
});

describe('the text of a conf file', () => {
  it('may begin with a byte order mark and end its lines with CRLF', async () => {
    const crlf = block('oops = 1').replaceAll('\n', '\r\n');
    const { inputs, texts } = await readConf(bytes([0xef, 0xbb, 0xbf], crlf));
    expect(inputs).toMatchObject([{ name: 'web', source: { line: 1 } }]);
    expect(texts).toEqual([
      "conf.d/pythond.conf:5: warning: block 1 ('web'): the key 'oops' is not known and is ignored; remove it",
    ]);
  });

  it('may be indented with tabs, and empty', async () => {
    expect(await text(block().replaceAll('\n', '\n\t'))).toEqual([]);
    expect(await text('')).toEqual([]);
  });

  it('larger than 1 MiB is not read', async () => {
    expect(await text(block(`# ${'x'.repeat(2 * 1024 * 1024)}`))).toEqual([
      'conf.d/pythond.conf: the file is larger than 1 MiB and was not read; split it, or move it elsewhere',
    ]);
  });

  it('of a file that claims to be empty and is not is read up to the limit', async () => {
    const reading = await readTextFile('/proc/self/cmdline');
    expect(reading).toMatchObject({ ok: false, code: 'encoding' });
  });

  it.each([
    ['a = ', '['.repeat(10_000)],
    ['a = ', '{b='.repeat(10_000)],
    ['', 'a.'.repeat(10_000)],
    ['[', 'a.'.repeat(10_000)],
  ])('nested ten thousand deep (%s%.2s) is told', async (before, deep) => {
    expect(await text(`# pythond\n${before}${deep}`)).toEqual([
      'conf.d/pythond.conf:2: the file is nested deeper than 64',
    ]);
  });

  it('that is a billion laughs in YAML is no TOML', async () => {
    const yaml = `pythond: &a ["lol"]\nb: &b [${'*a,'.repeat(1000)}]\n`;
    expect(await text(yaml)).toEqual([
      'conf.d/pythond.conf:1: the file is not valid TOML here: illegal character in key',
    ]);
  });

  it('with a NUL byte is told where', async () => {
    expect(await text(bytes('# pythond\nab', [0], 'c'))).toEqual([
      'conf.d/pythond.conf: the file holds a NUL byte at offset 12 (line 2); save it as plain text',
    ]);
  });

  it.each([
    ['a stray byte', [0xff], 12],
    ['a cut character at the end', [0xc3], 12],
    ['a surrogate', [0xed, 0xa0, 0x80], 13],
    ['an overlong form', [0xc0, 0x80], 12],
  ])('with %s is told where it stops to be UTF-8', async (_, wrong, offset) => {
    expect(await text(bytes('# pythond\nab', wrong))).toEqual([
      `conf.d/pythond.conf: the file is not valid UTF-8 at offset ${offset} (line 2); save it as UTF-8`,
    ]);
  });

  it.each(['utf16le'] as const)('saved as UTF-16 is told', async (encoding) => {
    expect(await text(Buffer.from(`\ufeff${block()}`, encoding))).toEqual([
      'conf.d/pythond.conf: the file is saved as UTF-16; save it as UTF-8',
    ]);
  });

  it('of another input may be whatever it likes', async () => {
    const home = await makeHome({
      'conf.d/a.conf': bytes('# mysql', [0, 0xff]),
      'conf.d/b.conf': 'x = ['.repeat(9999),
    });
    expect((await readHome(home)).texts).toEqual([]);
  });

  it('with a key twice is told at the second one', async () => {
    expect(await text(block('interval = 1\ninterval = 2'))).toEqual([
      'conf.d/pythond.conf:6: the file is not valid TOML here: trying to redefine an already defined table or value',
    ]);
  });

  it('with a name of escape sequences does not act on a terminal', async () => {
    const home = await makeHome({ 'conf.d/a\n\u001b[2J.conf': 'pythond =' });
    expect((await readHome(home)).texts[0]).toMatch(/^conf\.d\/a\\u\{000A\}\\u\{001B\}\[2J\.conf:1: /);
  });

  it('that is replaced again and again while it is read is one version or the other', async () => {
    const home = await makeHome({ 'conf.d/pythond.conf': block('', 'a') });
    const path = join(home, 'conf.d/pythond.conf');
    const swap = async () => {
      for (let i = 0; i < 200; i++) {
        await writeFile(
          `${path}.new`,
          block(`# ${'x'.repeat(i % 7 === 0 ? 100_000 : 0)}`, i % 2 === 0 ? 'a' : 'b'),
        );
        await rename(`${path}.new`, path);
      }
    };
    const read = async () => {
      for (let i = 0; i < 50; i++) {
        const { inputs, problems } = await readHome(home);
        expect(problems).toEqual([]);
        expect(['a', 'b']).toContain(inputs[0]?.name);
      }
    };
    await Promise.all([swap(), read()]);
  });

  it('of fifty thousand blocks on 1 MiB is read', async () => {
    const { inputs, problems } = await readConf('[[inputs.pythond]]\n'.repeat(50_000));
    expect(inputs).toEqual([]);
    expect(problems.length).toBe(150_000);
  }, 300_000);
});

describe('a conf.d', () => {
  it('deeper than the limit is read down to it', async () => {
    const deep = `conf.d/${'d/'.repeat(17)}x.conf`;
    const home = await makeHome({
      [deep]: block('', 'deep'),
      [`conf.d/${'d/'.repeat(16)}x.conf`]: block('', 'ok'),
    });
    const { inputs, texts } = await readHome(home);
    expect(inputs.map(({ name }) => name)).toEqual(['ok']);
    expect(texts).toEqual([
      `conf.d${'/d'.repeat(17)}: folders below this one are not looked into: it is 16 deep already; move its files up`,
    ]);
  });

  it('of more files or folders than the limit is read as far as that', async () => {
    const files = Object.fromEntries(Array.from({ length: 9 }, (_, i) => [`conf.d/f${i}/x${i}.conf`, '']));
    const home = await makeHome(files);
    const few = await walkConf(join(home, 'conf.d'), { files: 3, folders: 99, depth: 16 });
    expect(few.files).toHaveLength(3);
    expect(few.problems).toMatchObject([
      { code: 'walk-limit', message: 'only the first 3 conf files are read' },
    ]);
    const folders = await walkConf(join(home, 'conf.d'), { files: 99, folders: 4, depth: 16 });
    expect(folders.files).toHaveLength(3);
    expect(folders.problems).toMatchObject([{ message: 'only the first 4 folders are read' }]);
  });

  it('that is a file is told', async () => {
    expect((await readHome(await makeHome({ 'conf.d': 'x' }))).texts).toEqual([
      "conf.d: the folder can't be read: the system says ENOTDIR",
    ]);
  });
});
