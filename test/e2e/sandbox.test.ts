import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { check } from '../support/check.ts';
import { block, makeHome, type TestHome } from '../support/home.ts';

const READS = `from datakit_framework import DataKitFramework

class Reads(DataKitFramework):
    def run(self):
        with open({path!r}) as file:
            self.report({'M': [{'measurement': 'm', 'tags': {}, 'fields': {'length': len(file.read())}}]})
`;

let home: TestHome;
let outside: string;
beforeAll(async () => {
  home = await makeHome({ 'data/outside.txt': 'hello' });
  outside = path.join(home.dir, 'data');
  const script = READS.replace('{path!r}', JSON.stringify(path.join(outside, 'outside.txt')));
  await home.write({
    'python.d/reads/reads.py': script,
    'conf.d/pythond.conf':
      block('confined', ['reads']) +
      block('allowed', ['reads'], `  read_paths = [${JSON.stringify(outside)}]`) +
      block('open', ['reads'], '  sandbox = "none"'),
  });
});
afterAll(() => home.remove());

const id = (input: string) => `${input}/reads/reads:Reads`;

describe('a collector that reads a file outside of its bundle', () => {
  it('is refused, and told which key allows it; the keys of its block decide', async () => {
    const answer = await check(home.dir);
    expect(answer.collector(id('confined'))).toMatchObject({
      outcome: 'failed',
      hint: expect.stringContaining(
        `allow it with read_paths = [${JSON.stringify(outside)}] in this input's block`,
      ),
    });
    expect(answer.collector(id('allowed'))).toMatchObject({ outcome: 'succeeded', warnings: [] });
    expect(answer.collector(id('open'))).toMatchObject({
      outcome: 'succeeded',
      warnings: [{ code: 'not-confined' }],
    });
    expect(answer.notConfined).toEqual([
      expect.stringMatching(/^NOT CONFINED: the collectors of open run with all rights/),
    ]);
  });

  it('may, on a worker that confines nothing, which is said loudly', async () => {
    const answer = await check(home.dir, { env: { PYTHOND_SANDBOX: 'none' } });
    expect(answer.collector(id('confined'))).toMatchObject({ outcome: 'succeeded' });
    expect(answer.notConfined).toEqual([
      expect.stringMatching(/^NOT CONFINED: collectors run with all rights of this user/),
    ]);
  });
});
