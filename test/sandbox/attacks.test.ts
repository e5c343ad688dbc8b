import { describe, expect, it } from 'vitest';
import { skipIf } from '../support/skip.ts';
import { MODES, type Mode, runAttacks, whyNot, whyUnconfined } from './drive.mjs';
import { attackNames, CLASSES } from './table.mjs';

/** Reached only when something is broken: the machine may be ten times slower than any that we have. */
const timeout = 1_800_000;
const modes = Object.entries(MODES) as [Mode, string][];
const names = [...attackNames()].flatMap(([group, all]) => all.map((name) => `${group}: ${name}`));

describe('attacks in a run and at import', { timeout }, () => {
  it.concurrent.for(modes)('are all held: %s (%s)', async ([mode], { skip, task, expect }) => {
    skipIf((await whyNot(mode)) ?? (await whyUnconfined(mode)), { skip, task });
    const { results } = await runAttacks(mode);
    expect(results.filter(({ outcome }) => outcome !== 'held')).toEqual([]);
    const made = new Set(results.map(({ group, name }) => `${group.replaceAll(' ', '_')}: ${name}`));
    expect([...made].sort()).toEqual([...names].sort());
  });

  /** Else they prove nothing. What the host does at either level is left out; its own tests say that it could fail. */
  it.concurrent.for([
    ['root', 0.6],
    ['container', 0.5],
  ] as const)(
    'succeed for the most part where nothing confines them: %s',
    async ([mode, least], { skip, task, expect }) => {
      skipIf(await whyNot(mode), { skip, task });
      const only = Object.entries(CLASSES).flatMap(([group, { host }]) => (host ? [] : [`${group}.`]));
      const { results } = await runAttacks(mode, { level: 'none', only, where: ['run'], quiet: true });
      const escaped = results.filter(({ outcome }) => outcome === 'ESCAPED');
      expect(results.length).toBeGreaterThan(300);
      expect(escaped.length / results.length).toBeGreaterThan(least);
    },
  );
});

it('are a hundred at least, each class with a title', () => {
  expect(names.length).toBeGreaterThanOrEqual(100);
  expect([...attackNames().keys()].sort()).toEqual(Object.keys(CLASSES).sort());
});
