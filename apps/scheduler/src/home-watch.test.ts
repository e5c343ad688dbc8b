import { mkdir, mkdtemp, realpath, rename, rm, symlink, unlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FolderWatches } from './folder-watches.ts';
import { HomeWatch } from './home-watch.ts';

let home: string;
const stops: (() => void)[] = [];

beforeEach(async () => {
  home = await realpath(await mkdtemp(path.join(tmpdir(), 'pythond-watch-')));
  await write('conf.d/a.conf', '');
  await write('python.d/a/a.py', '');
});
afterEach(async () => {
  for (const stop of stops.splice(0)) stop();
  await rm(home, { recursive: true, force: true });
});

const at = (name: string) => path.join(home, name);

async function write(name: string, text: string): Promise<void> {
  await mkdir(path.dirname(at(name)), { recursive: true });
  await writeFile(at(name), text);
}

const DEADLINE_MS = 60_000;

async function until(what: string, probe: () => boolean | Promise<boolean>): Promise<void> {
  const end = performance.now() + DEADLINE_MS;
  while (!(await probe())) {
    if (performance.now() > end) throw new Error(`waited in vain for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

describe('the folders of a home', () => {
  let events: string[];
  let watches: FolderWatches;

  beforeEach(async () => {
    events = [];
    const onEvent = (file: string) => void events.push(path.relative(home, file));
    watches = new FolderWatches({ home, onEvent, onTrouble: (message) => void events.push(message) });
    stops.push(() => watches.stop());
    await watches.cover([]);
  });

  const told = (...names: string[]) =>
    until(`events of ${names.join(', ')}`, () => names.every((name) => events.includes(name)));

  it('tell of what is written, renamed over and removed in them', async () => {
    await write('python.d/a/a.py', 'x');
    await told('python.d/a/a.py');
    await write('python.d/a/new~', 'x');
    events.length = 0;
    await rename(at('python.d/a/new~'), at('python.d/a/a.py'));
    await told('python.d/a/a.py');
    await unlink(at('conf.d/a.conf'));
    await told('conf.d/a.conf');
    await write('pythond.toml', '');
    await told('pythond.toml');
    expect(watches.isDeaf).toBe(false);
  });

  it("do not tell of editors' files, nor of what else lies in the home", async () => {
    const others = ['.a.py.swp', 'a.py~', '4913', '.#a.py', '#a.py#', '__pycache__', '.goutputstream-X'];
    for (const name of others) await write(`python.d/a/${name}`, '');
    await write('tally.txt', '');
    await write('.pythond/log', '');
    await write('python.d/a/last.py', '');
    await told('python.d/a/last.py');
    expect(new Set(events)).toEqual(new Set(['python.d/a/last.py']));
  });

  it('tell of files in folders that were made since, once they were looked at again', async () => {
    await mkdir(at('python.d/b/c'), { recursive: true });
    await told('python.d/b');
    await watches.cover([]);
    await write('python.d/b/c/new.py', '');
    await told('python.d/b/c/new.py');
  });

  it('tell of a folder that took the place of another, and of what is in it then', async () => {
    await write('other/a.py', '');
    await rename(at('python.d/a'), at('gone'));
    await rename(at('other'), at('python.d/a'));
    await told('python.d/a');
    await watches.cover([]);
    events.length = 0;
    await write('gone/a.py', 'x');
    await write('python.d/a/a.py', 'x');
    await told('python.d/a/a.py');
    expect(events).not.toContain('gone/a.py');
  });

  it('tell of the link by which a volume of Kubernetes changes all its files', async () => {
    await write('conf.d/..one/b.conf', '1');
    await symlink('..one', at('conf.d/..data'));
    events.length = 0;
    await symlink('..two', at('conf.d/..data_tmp'));
    await rename(at('conf.d/..data_tmp'), at('conf.d/..data'));
    await told('conf.d/..data');
  });

  it('tell of folders and files outside of the home that are named', async () => {
    await write('outside/x/y.py', '');
    await write('data/one.txt', '');
    await watches.cover([at('outside'), at('data/one.txt')]);
    await write('data/two.txt', '');
    await write('data/one.txt', 'x');
    await write('outside/x/y.py', 'x');
    await told('data/one.txt', 'outside/x/y.py');
    expect(events).not.toContain('data/two.txt');
    await watches.cover([]);
    events.length = 0;
    await write('outside/x/y.py', 'z');
    await write('conf.d/b.conf', '');
    await told('conf.d/b.conf');
    expect(events.filter((name) => name.startsWith('outside'))).toEqual([]);
  });
});

describe('a home watch', () => {
  function watchOf(options: { mode: 'auto' | 'poll' | 'off'; pollIntervalMs: number | null }) {
    let changes = 0;
    const onChange = () => {
      changes += 1;
    };
    const watch = new HomeWatch({ home, ...options, onChange, onTrouble: () => undefined });
    stops.push(() => watch.stop());
    return { watch, changes: () => changes };
  }

  it('says once that something changed, however much it is', async () => {
    const { watch, changes } = watchOf({ mode: 'auto', pollIntervalMs: 3600_000 });
    await watch.cover([]);
    for (let n = 0; n < 200; n++) await write(`python.d/a/${n}.py`, '');
    await until('a change', () => changes() > 0);
    const soFar = changes();
    expect(soFar).toBeLessThan(100);
    await write('python.d/a/a.py', 'more');
    await until('another change', () => changes() > soFar);
  });

  it('asks for a look by itself where the file system is not listened to', async () => {
    const { watch, changes } = watchOf({ mode: 'poll', pollIntervalMs: 10 });
    await watch.cover([]);
    for (let n = 1; n < 4; n++) {
      watch.rest();
      await until('it to ask', () => changes() === n);
    }
  });

  it('asks for nothing when it is off or was stopped', async () => {
    const off = watchOf({ mode: 'off', pollIntervalMs: 1 });
    const stopped = watchOf({ mode: 'auto', pollIntervalMs: 1 });
    const witness = watchOf({ mode: 'auto', pollIntervalMs: 3600_000 });
    for (const { watch } of [off, stopped, witness]) await watch.cover([]);
    stopped.watch.stop();
    off.watch.rest();
    stopped.watch.rest();
    await write('python.d/a/a.py', 'x');
    await until('the witness to see it', () => witness.changes() > 0);
    expect([off.changes(), stopped.changes()]).toEqual([0, 0]);
  });
});
