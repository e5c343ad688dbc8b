import { readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, it } from 'vitest';

const folder = path.resolve(import.meta.dirname, '..');
const rows = readFileSync(path.join(folder, 'README.md'), 'utf8')
  .split('\n')
  .flatMap((line) => {
    const [, fault, file, name] = /^\| (F\d\d) .*\| `(.+)` \| (.+) \|$/.exec(line) ?? [];
    return fault && file && name ? [{ fault, file, name }] : [];
  });

it('every fault from F01 to F39 has a test that is there', () => {
  const missing = rows.filter(({ file, name }) => !readFileSync(path.join(folder, file), 'utf8').includes(name));
  expect(missing).toEqual([]);
  const wanted = Array.from({ length: 39 }, (_, nth) => `F${String(nth + 1).padStart(2, '0')}`);
  expect([...new Set(rows.map(({ fault }) => fault))]).toEqual(wanted);
});
