import { existsSync, mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { mountsBelow, removeFolder } from './remove-folder.ts';

describe('removing a folder that runs could write to', () => {
  it('deletes it with everything in it, and may be asked again', async () => {
    const folder = mkdtempSync(path.join(tmpdir(), 'pythond remove-'));
    mkdirSync(path.join(folder, 'a/b'), { recursive: true });
    writeFileSync(path.join(folder, 'a/b/c'), 'x');
    expect(await removeFolder(folder)).toBe(true);
    expect(existsSync(folder)).toBe(false);
    expect(await removeFolder(folder)).toBe(true);
  });

  it.runIf(process.platform === 'linux')(
    'knows what is mounted below a folder, the folder included',
    async () => {
      expect(await mountsBelow('/proc')).toContain('/proc');
      expect(await mountsBelow(tmpdir())).toEqual([]);
    },
  );
});
