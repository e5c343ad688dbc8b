import { appendFileSync } from 'node:fs';
import { appendFile, symlink } from 'node:fs/promises';
import { expect, it, onTestFinished } from 'vitest';
import { makeHome } from './home.test-kit.ts';
import { defaultBundleLimits } from './limits.ts';
import { readStable } from './read-stable.ts';

async function fileOf(content: string): Promise<string> {
  const { home, remove } = await makeHome({ f: content });
  onTestFinished(remove);
  return `${home}/f`;
}

it('reads a file as it is', async () => {
  const read = await readStable(await fileOf('hello'), defaultBundleLimits);
  expect(read).toMatchObject({ content: Buffer.from('hello'), executable: false });
});

it('gives up on a file that changes each time it is read', async () => {
  const path = await fileOf('hello');
  let writing = true;
  const write = () => {
    if (!writing) return;
    appendFileSync(path, 'x');
    setImmediate(write);
  };
  write();
  const read = await readStable(path, defaultBundleLimits);
  writing = false;
  expect(read).toMatchObject({ level: 'error', code: 'file-changing', path });
});

it('refuses a file that grew over the limit since it was looked at', async () => {
  const path = await fileOf('hello');
  await appendFile(path, 'more');
  const read = await readStable(path, { ...defaultBundleLimits, maxFileBytes: 8 });
  expect(read).toMatchObject({ code: 'file-too-large' });
});

it('does not follow a link that was put in the place of a file', async () => {
  const path = await fileOf('hello');
  await symlink('/etc/passwd', `${path}-link`);
  expect(await readStable(`${path}-link`, defaultBundleLimits)).toMatchObject({
    level: 'error',
    code: 'link-loop',
  });
});
