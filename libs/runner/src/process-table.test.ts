import { describe, expect, it } from 'vitest';
import { familyOf, type ProcessEntry, parseStat } from './process-table.ts';

function stat(pid: number, name: string, state: string, parent: number): string {
  return `${pid} (${name}) ${state} ${parent} 7 8 ${'0 '.repeat(15)}4242 0 0\n`;
}

function table(...entries: (Partial<ProcessEntry> & { pid: number })[]): Map<number, ProcessEntry> {
  return new Map(
    entries.map((entry) => [
      entry.pid,
      { parent: 1, group: entry.pid, session: entry.pid, start: 1, zombie: false, ...entry },
    ]),
  );
}

describe('parseStat', () => {
  it('reads past any name', () => {
    for (const name of ['python3', 'a b', ') R 1 1 (', '', '((']) {
      expect(parseStat(stat(12, name, 'S', 3))).toEqual({
        pid: 12,
        parent: 3,
        group: 7,
        session: 8,
        start: 4242,
        zombie: false,
      });
    }
  });

  it('knows the dead', () => {
    expect(parseStat(stat(12, 'x', 'Z', 3))?.zombie).toBe(true);
  });

  it('gives null for what is no such line', () => {
    for (const text of ['', 'x', '12 (a', '12 (a) S 1']) expect(parseStat(text)).toBeNull();
  });
});

describe('familyOf', () => {
  it('finds descendants, and members of group and session that have other parents', () => {
    const all = table(
      { pid: 10 },
      { pid: 11, parent: 10 },
      { pid: 12, parent: 11 },
      { pid: 13, session: 10 },
      { pid: 14, group: 10 },
      { pid: 20 },
      { pid: 21, parent: 20 },
    );
    expect(familyOf(10, all).map(({ pid }) => pid)).toEqual([11, 12, 13, 14]);
  });

  it('leaves out the dead but not those below them', () => {
    const all = table({ pid: 10 }, { pid: 11, parent: 10, zombie: true }, { pid: 12, parent: 11 });
    expect(familyOf(10, all).map(({ pid }) => pid)).toEqual([12]);
  });

  it('ends where chains go round', () => {
    const all = table({ pid: 10 }, { pid: 11, parent: 12 }, { pid: 12, parent: 11 });
    expect(familyOf(10, all)).toEqual([]);
  });
});
