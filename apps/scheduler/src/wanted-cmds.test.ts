import { describe, expect, it } from 'vitest';
import { WantedCmds } from './wanted-cmds.ts';

const wish = (key: string, cmd: string, pool = 'default') => ({ key, cmd, pool });

describe('the cmds that inputs name', () => {
  it('are told by pool, each once, and again only when they change or were lost', () => {
    const cmds = new WantedCmds();
    const files = [wish('a', 'python3'), wish('b', 'python3'), wish('c', '/opt/py', 'slow')];
    cmds.ofFiles(files, []);
    const all = new Map([
      ['default', ['python3']],
      ['slow', ['/opt/py']],
    ]);
    expect(cmds.news()).toEqual(all);
    cmds.ofFiles([...files].reverse(), []);
    expect(cmds.news()).toBe(null);
    cmds.forget();
    expect(cmds.news()).toEqual(all);
  });

  it('include that of a version which runs though its block says something else', () => {
    const cmds = new WantedCmds();
    cmds.ofFiles([wish('a', 'python3')], []);
    cmds.ofVersion(wish('a', 'python3.9'));
    expect(cmds.news()).toEqual(new Map([['default', ['python3', 'python3.9']]]));
    cmds.ofFiles([], ['a']); // its block can't be read
    expect(cmds.news()).toEqual(new Map([['default', ['python3.9']]]));
    cmds.ofFiles([], []);
    expect(cmds.news()).toEqual(new Map());
  });
});
