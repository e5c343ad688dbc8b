import { copyFile, readFile } from 'node:fs/promises';
import path from 'node:path';
import { type Standin, startStandin } from '@pythond/datakit-standin';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { check } from '../support/check.ts';
import { repository } from '../support/cli.ts';
import { eventually } from '../support/eventually.ts';
import { copyHome, type TestHome } from '../support/home.ts';
import { startUp } from '../support/up.ts';

vi.setConfig({ testTimeout: 600_000, hookTimeout: 600_000 });

const COPY =
  'conf.d/pythond/web.conf: warning: the file is a copy of conf.d/pythond/web-copy.conf and is ignored, as in DataKit; remove one of them';
const UNKNOWN =
  "conf.d/pythond/web-copy.conf:5: warning: block 1 ('web'): the key 'intervall' is not known and is ignored; did you mean interval?";

let home: TestHome;
let datakit: Standin;
beforeEach(async () => {
  [home, datakit] = await Promise.all([copyHome('datakit-home'), startStandin()]);
  await listenAt(`localhost:${datakit.port}`);
});
afterEach(async () => {
  await datakit.close();
  await home.remove();
});

/** Sets `http_api.listen` of the home's datakit.conf. */
async function listenAt(address: string): Promise<void> {
  const file = path.join(home.dir, 'conf.d/datakit.conf');
  const text = await readFile(file, 'utf8');
  expect(text).toContain('listen = "localhost:9529"');
  await home.write({
    'conf.d/datakit.conf': text.replace('listen = "localhost:9529"', `listen = "${address}"`),
  });
}

describe("a DataKit's own conf.d, with other inputs, samples, backups and a slip", () => {
  it('is checked for its pythond blocks alone', async () => {
    const answer = await check(home.dir);
    expect(answer.code).toBe(0);
    expect(answer.failures).toEqual([]);
    expect(answer.collectors.map(({ id, interval, outcome }) => [id, interval, outcome])).toEqual([
      ['web/web/web:Web', 30, 'succeeded'],
      ['shop/shop/shop:Shop', 30, 'succeeded'],
    ]);
    // other inputs, broken ones too, samples, backups and hidden files: not a word about them
    expect(answer.said).toEqual([UNKNOWN, COPY]);
  });

  it("adds the block's tags, and names the DataKit of datakit.conf as where the points go", async () => {
    const answer = await check(home.dir);
    const [report] = answer.collector('web/web/web:Web').reports;
    expect(report?.destination).toBe(`http://localhost:${datakit.port}`);
    expect(report?.lineProtocol).toMatch(/^web,page=start,team=frontend hits=7 \d{19}$/);
  });

  it('runs as it is, and its points go to the DataKit of datakit.conf', async () => {
    const up = await startUp(home.dir, { DATAKIT_URL: '' });
    try {
      const listing = await up.listed(['shop/shop/shop:Shop', 'web/web/web:Web']);
      expect(listing.collectors).toHaveLength(2);
      expect(listing.failures).toEqual([]);
      expect(listing.problems.map(({ text }) => text)).toEqual([UNKNOWN, COPY]);
      await eventually('both points', () => datakit.received.points >= 2);
      const lines = new Set(datakit.points().map(({ line }) => line.replace(/ \d{19}$/, '')));
      expect(lines).toEqual(new Set(['shop,page=start hits=7', 'web,page=start,team=frontend hits=7']));
      expect(up.cli.stdout()).toContain(`DataKit  http://localhost:${datakit.port}`);
    } finally {
      await up.stop();
    }
  });

  it('gives way to a DATAKIT_URL', async () => {
    const answer = await check(home.dir, { env: { DATAKIT_URL: 'http://10.0.0.5:9529' } });
    expect(answer.collector('web/web/web:Web').reports[0]?.destination).toBe('http://10.0.0.5:9529');
  });

  it('is checked all the same when its DataKit listens on a socket, with a word about that', async () => {
    await home.remove();
    home = await copyHome('datakit-home');
    await listenAt('/var/run/datakit.sock');
    const answer = await check(home.dir);
    expect(answer.code).toBe(0);
    expect(answer.said[0]).toBe(
      'conf.d/datakit.conf: warning: http_api.listen is no host and port, and is not used; name the DataKit with DATAKIT_URL, for example http://127.0.0.1:9529',
    );
  });
});

describe('the sample', () => {
  it('is copied and runs the collectors of its folder', async () => {
    const { conf, mytest } = {
      conf: 'conf.d/samples/pythond.conf.sample',
      mytest: 'test/fixtures/seed-home/python.d/mytest/test.py',
    };
    await home.write({ 'python.d/mytest/test.py': await readFile(path.join(repository, mytest), 'utf8') });
    await copyFile(path.join(repository, conf), path.join(home.dir, 'conf.d/copied.conf'));
    const answer = await check(home.dir, { args: ['mytest'] });
    expect(answer.collectors.map(({ id, outcome }) => [id, outcome])).toEqual([
      ['some-python-inputs/mytest/test:MyTest', 'succeeded'],
    ]);
    expect(answer.code).toBe(0);
  });
});
