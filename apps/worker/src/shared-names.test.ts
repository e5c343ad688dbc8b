import { describe, expect, it } from 'vitest';
import { SharedNames } from './shared-names.ts';

function stateWith(names: object): Buffer {
  const header = Buffer.from(JSON.stringify(names));
  return Buffer.concat([Buffer.from([0, header.length]), header, Buffer.from('pickle')]);
}

describe('SharedNames', () => {
  it('tells once of a name of a module or class that two collectors of one input change', () => {
    const shared = new SharedNames();
    const state = stateWith({ instance: ['n'], modules: { m: ['TOTAL'] }, classes: { 'm:K': ['count'] } });
    expect(shared.warnings('i', 'i/m:A', state)).toEqual([]);
    expect(shared.warnings('i', 'i/m:A', state)).toEqual([]);
    expect(shared.warnings('j', 'j/m:A', state)).toEqual([]);
    const warnings = shared.warnings('i', 'i/m:B', state);
    expect(warnings.map(({ code }) => code)).toEqual(['shared-name', 'shared-name']);
    expect(warnings[0]?.message).toMatch(/^m\.TOTAL is changed by i\/m:A and by i\/m:B/);
    expect(shared.warnings('i', 'i/m:B', state)).toEqual([]);
  });

  it('says nothing of a state that does not name what it holds', () => {
    expect(new SharedNames().warnings('i', 'i/m:A', Buffer.from('nothing'))).toEqual([]);
  });
});
