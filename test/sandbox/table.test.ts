import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { MODES, USERS } from './drive.mjs';
import { attackNames, CLASSES, DOCUMENT, NOT_MADE, tableOf } from './table.mjs';

describe('the table of docs/security.md', () => {
  const table = tableOf(readFileSync(DOCUMENT, 'utf8'));

  it.for(Object.keys(CLASSES))('names the attacks that are made: %s', (group) => {
    const made = attackNames().get(group) ?? [];
    const { names, counts } = table.get(group) ?? { names: [], counts: [] };
    expect([...names].sort(), 'run `node test/sandbox/table.mjs --write`').toEqual([...made].sort());
    const [all, , ...held] = counts;
    expect(all).toBe(String(made.length));
    expect(held).toHaveLength(Object.keys(MODES).length);
    for (const [index, mode] of Object.keys(MODES).entries())
      expect(mode in USERS ? [NOT_MADE, `${made.length} held`] : [`${made.length} held`]).toContain(
        held[index],
      );
  });
});
