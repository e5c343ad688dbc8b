import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { type CheckAnswer, check } from '../support/check.ts';
import { eventually } from '../support/eventually.ts';
import { type FaultProxy, startFaultProxy } from '../support/fault-proxy.ts';
import { copyHome, type TestHome } from '../support/home.ts';
import { startTestRedis, type TestRedis } from '../support/redis.ts';
import { formsOf, type RedisContents, redisContents, withUnpacked } from '../support/redis-contents.ts';
import { type Listing, startUp, type TestUp } from '../support/up.ts';

vi.setConfig({ testTimeout: 600_000, hookTimeout: 600_000 });

const SECRET = 'correct-horse-battery-staple-4711';
const DSN = `postgres://app:${SECRET}@db:5432/app`;

/** What the collector of the fixture tells of a value: enough to know that it has it, too little to learn it. */
const proof = (value: string) =>
  Number.parseInt(createHash('sha256').update(value).digest('hex').slice(0, 8), 16);
const knows = { DB_PASSWORD: proof(SECRET), DSN: proof(DSN) };

/** Every run has them: the folder that is its own, and what Python and its memory allocator are told. */
const OF_THE_HOST = ['LC_CTYPE', 'MALLOC_ARENA_MAX', 'TMPDIR'];

let home: TestHome;
let secrets: string;
let surroundings: Readonly<Record<string, string>>;
beforeAll(async () => {
  home = await copyHome('envs-home');
  secrets = path.join(home.dir, 'secrets');
  await home.write({ 'secrets/db': `${SECRET}\n` });
  surroundings = {
    ...{ SITE: 'Bonn', SECRETS: secrets, NOT_ALLOWED: 'only the worker may know this' },
    ...{ LANG: 'C.UTF-8', LC_ALL: 'C.UTF-8', LD_LIBRARY_PATH: '/opt/nothing-here' },
  };
});
afterAll(() => home.remove());

/** Why an input can not be run, by its name: as `check` and `ls` both tell it. */
function refusals(): Readonly<Record<string, string>> {
  const only = `secrets are read from /run/secrets, ${secrets} only; put the file there, or name its folder in secrets_dirs`;
  const refused = (file: string, why: string) =>
    `DB_PASSWORD in envs names ${file}, which can't be read: ${why}`;
  return {
    environ: refused('/proc/self/environ', only),
    passwd: refused('/etc/passwd', only),
    climber: refused('$SECRETS/../conf.d/pythond.conf', "its path holds '..'"),
    absent: refused('$SECRETS/nothing-here', 'there is no such file'),
  };
}

function refusalsIn(failures: readonly { input: string; type: string; message: string }[]) {
  for (const { type } of failures) expect(type).toBe('secret');
  return Object.fromEntries(failures.map(({ input, message }) => [input, message]));
}

const TAG =
  "conf.d/pythond.conf:31: warning: block 3 ('empty'): tags holds $REDIS_URL, which stays as it is: it opens the fleet itself and is expanded nowhere";
const CURIOUS =
  "conf.d/pythond.conf:40: block 4 ('curious'): env_allow has a wrong entry 1: it must not be REDIS_URL: it opens the fleet itself";

describe('check', () => {
  let answer: CheckAnswer;
  beforeAll(async () => {
    const env = { ...surroundings, REDIS_URL: `redis://:${SECRET}-of-redis@127.0.0.1:1/0` };
    answer = await check(home.dir, { env });
  });

  /** What the collector saw. */
  function seen(id: string): Readonly<Record<string, string>> {
    const points = answer.collector(id).reports[0]?.points as { fields: { message: string } }[] | undefined;
    const all = Object.entries(JSON.parse(points?.[0]?.fields.message ?? '') as Record<string, string>);
    return Object.fromEntries(all.filter(([name]) => !OF_THE_HOST.includes(name)));
  }

  it('gives the allow-list of the worker, and what env_allow adds, to a block without envs', () => {
    expect(seen('inherited/environment/show:Show')).toEqual({
      ...{ PATH: process.env['PATH'], HOME: process.env['HOME'], SITE: 'Bonn' },
      ...{ LANG: 'C.UTF-8', LC_ALL: 'C.UTF-8', LD_LIBRARY_PATH: '/opt/nothing-here' },
    });
  });

  it('gives nothing but its envs to a block with envs, expanded from the allow-list alone', () => {
    expect(seen('replaced/environment/show:Show')).toEqual({
      ONE: '2',
      LD_LIBRARY_PATH: '/path/to/lib:/opt/nothing-here',
      PLACE: 'at Bonn',
      PRICE: 'pa$word',
      OTHER: '$NOT_ALLOWED',
      FLEET: '$REDIS_URL',
      TOKEN: '$' + '{PYTHOND_REDIS_PASSWORD_FILE}',
    });
  });

  it('warns of every variable that stays as it is written, and says how to let it in', () => {
    const { warnings } = answer.collector('replaced/environment/show:Show');
    expect(warnings.map(({ message }) => message)).toEqual([
      'PRICE in envs holds $word, which stays as it is: it is not on the allow-list; write env_allow = ["word"] if it is a variable of the worker',
      'OTHER in envs holds $NOT_ALLOWED, which stays as it is: it is not on the allow-list; write env_allow = ["NOT_ALLOWED"] if it is a variable of the worker',
      'FLEET in envs holds $REDIS_URL, which stays as it is: it opens the fleet itself and is expanded nowhere',
      'TOKEN in envs holds $PYTHOND_REDIS_PASSWORD_FILE, which stays as it is: it opens the fleet itself and is expanded nowhere',
    ]);
  });

  it('gives an empty environment to a block with an empty list', () => {
    expect(seen('empty/environment/show:Show')).toEqual({});
  });

  it('reads secrets from the folder for secrets', () => {
    const { outcome, reports } = answer.collector('secrets/secrets/know:Know');
    expect(outcome).toBe('succeeded');
    expect(reports[0]?.points).toMatchObject([{ fields: knows }]);
  });

  it('refuses to read any other file, with the key, the path and the rule', () => {
    expect(refusalsIn(answer.failures)).toEqual(refusals());
  });

  it('expands the tags from the environment of the scheduler, but for what opens the fleet itself', () => {
    expect(answer.collector('empty/environment/show:Show').reports[0]?.lineProtocol).toMatch(
      /^environment,fleet=\$REDIS_URL,site=Bonn message=/,
    );
    expect(answer.said).toContain(TAG);
  });

  it('refuses an env_allow that would open the fleet itself', () => {
    expect(answer.said).toContain(CURIOUS);
    expect(answer.code).toBe(1);
  });

  it('leaves out inputs that can not run when all that was asked for was found', async () => {
    const [found, notFound] = await Promise.all([
      check(home.dir, { env: surroundings, args: ['know', 'empty'] }),
      check(home.dir, { env: surroundings, args: ['know', 'environ/'] }),
    ]);
    expect(found.collectors.map(({ input }) => input)).toEqual(['empty', 'secrets']);
    expect(found.failures).toEqual([]);
    expect(notFound.failures.map(({ input }) => input)).toContain('environ');
  });

  it('never prints a secret, nor the password of the Redis', () => {
    expect(JSON.stringify(answer)).not.toContain(SECRET);
  });
});

describe('a running fleet', () => {
  let redis: TestRedis;
  let front: FaultProxy;
  let up: TestUp;
  let listing: Listing;
  let password: string;
  beforeAll(async () => {
    redis = await startTestRedis();
    front = await startFaultProxy({ path: fileURLToPath(redis.target.url.replace('unix:', 'file:')) });
    password = redis.target.password ?? '';
    up = await startUp(home.dir, {
      ...surroundings,
      REDIS_URL: `redis://:${password}@127.0.0.1:${front.port}/0`,
      // Nobody listens there: every point waits in Redis, so that more goes through it than on a good day.
      DATAKIT_URL: 'http://127.0.0.1:1',
    });
    const ids = ['inherited', 'replaced', 'empty'].map((input) => `${input}/environment/show:Show`);
    listing = await up.listed([...ids, 'secrets/secrets/know:Know']);
  });
  afterAll(async () => {
    await up?.stop();
    await front?.close();
    await redis?.stop();
  });

  it('runs the collectors whose environment can be made', () => {
    const outcomes = listing.collectors.map(({ id, lastOutcome }) => [id, lastOutcome]);
    expect(Object.fromEntries(outcomes)).toEqual({
      'inherited/environment/show:Show': 'succeeded',
      'replaced/environment/show:Show': 'succeeded',
      'empty/environment/show:Show': 'succeeded',
      'secrets/secrets/know:Know': 'succeeded',
    });
  });

  it('lists why the others can not run', () => {
    expect(refusalsIn(listing.failures)).toEqual(refusals());
    expect(listing.problems.map(({ text }) => text)).toEqual([TAG, CURIOUS]);
  });

  describe('has, in every key of every type and in its files,', () => {
    let contents: RedisContents;
    let files: Buffer;
    beforeAll(async () => {
      contents = await eventually('the points to wait in Redis', async () => {
        const all = await redisContents(redis.redis);
        return all.bytes.includes(`DB_PASSWORD=${knows.DB_PASSWORD}`) ? all : null;
      });
      files = await bytesBelow(path.join(redis.dir, 'data'), path.join(home.dir, '.pythond'));
    });

    it('what proves that they were read whole', () => {
      expect(Object.keys(contents.keys)).toEqual(
        expect.arrayContaining(['string', 'hash', 'set', 'zset', 'stream']),
      );
      for (const bytes of [contents.bytes, files]) {
        expect(bytes.includes('DB_PASSWORD=file://$SECRETS/db'), 'the reference to the secret').toBe(true);
        expect(bytes.includes('ENC[file://$SECRETS/db]'), 'the other reference').toBe(true);
        expect(bytes.includes(`DSN=${knows.DSN}`), 'the point that was made with the secret').toBe(true);
        expect(bytes.includes('class Know(DataKitFramework)'), 'the compressed bundle').toBe(true);
      }
    });

    it('no secret of a collector', () => {
      for (const form of formsOf(SECRET)) {
        expect(contents.bytes.includes(form), form.toString()).toBe(false);
        expect(files.includes(form), form.toString()).toBe(false);
      }
    });

    it('no password of the Redis, expanded from nowhere', () => {
      expect(password.length).toBeGreaterThan(20);
      for (const form of formsOf(password)) {
        expect(contents.bytes.includes(form)).toBe(false);
        expect(files.includes(form)).toBe(false);
      }
      expect(contents.bytes.toString()).toMatch(/FLEET[\\"]+: [\\"]+\$REDIS_URL[\\"]/); // what the collector saw
    });

    it('no variable of the worker that is not on the allow-list', () => {
      expect(contents.bytes.includes(surroundings['NOT_ALLOWED'] ?? '')).toBe(false);
    });
  });
});

describe('the search of a Redis', () => {
  it('finds what is in any database, under any type, compressed or not', async () => {
    const { redis, dir, stop } = await startTestRedis();
    const own = redis.duplicate({ db: 3 });
    try {
      const needle = (at: string) => `${SECRET} in ${at}`;
      const zipped = (at: string) => gzipSync(needle(at));
      const places: Readonly<Record<string, () => Promise<unknown>>> = {
        'a key': () => own.set(needle('a key'), ''),
        string: () => own.set('string', needle('string')),
        'a number that was appended to': () => own.append('append', needle('a number that was appended to')),
        'a field': () => own.hset('hash', needle('a field'), ''),
        'a value': () => own.hset('hash', 'field', needle('a value')),
        list: () => own.rpush('list', needle('list')),
        set: () => own.sadd('set', needle('set')),
        'sorted set': () => own.zadd('zset', 1, needle('sorted set')),
        stream: () => own.xadd('stream', '*', 'field', needle('stream')),
        gzip: () => own.set('gzip', Buffer.concat([Buffer.from('x'), zipped('gzip')])),
        'gzip in base64': () =>
          own.set('json', JSON.stringify({ body: zipped('gzip in base64').toString('base64') })),
        'another database': () => redis.set('string', needle('another database')),
      };
      for (const put of Object.values(places)) await put();
      const { bytes } = await redisContents(redis);
      const files = await bytesBelow(path.join(dir, 'data'));
      for (const place of Object.keys(places)) {
        expect(bytes.includes(needle(place)), place).toBe(true);
        expect(files.includes(needle(place)), place).toBe(true);
      }
      const forms = formsOf(SECRET).map((form) => form.toString());
      for (const encoding of ['hex', 'base64', 'utf16le', 'utf8'] as const) {
        for (const before of ['', 'x', 'xx']) {
          const written =
            encoding === 'utf16le'
              ? Buffer.from(before + SECRET, encoding).toString()
              : Buffer.from(before + SECRET).toString(encoding);
          expect(
            forms.some((form) => written.includes(form)),
            `${encoding} after '${before}'`,
          ).toBe(true);
        }
      }
    } finally {
      own.disconnect();
      await stop();
    }
  });
});

async function bytesBelow(...folders: readonly string[]): Promise<Buffer> {
  const parts: Buffer[] = [];
  for (const folder of folders) {
    for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
      if (entry.isFile()) parts.push(await readFile(path.join(entry.parentPath, entry.name)));
    }
  }
  return withUnpacked(Buffer.concat(parts));
}
