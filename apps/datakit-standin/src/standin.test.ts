import { connect } from 'node:net';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { afterEach, describe, expect, test } from 'vitest';
import { MAX_BODY_BYTES } from './body.ts';
import { type Standin, type StandinOptions, startStandin } from './standin.ts';
import type { AcceptedRequest } from './write-route.ts';

const running: Standin[] = [];

async function start(options: StandinOptions = {}): Promise<Standin> {
  const standin = await startStandin(options);
  running.push(standin);
  return standin;
}

afterEach(async () => {
  await Promise.all(running.splice(0).map((standin) => standin.close()));
});

function post(standin: Standin, path: string, body: string | Buffer, headers: Record<string, string> = {}) {
  return fetch(standin.url + path, { method: 'POST', body, headers, redirect: 'manual' });
}

describe('what it was given', () => {
  test('is kept with category, query and time, and can be asked for', async () => {
    const standin = await start({ now: () => 1_700_000_000_000 });
    await post(
      standin,
      '/v1/write/metric?input=demo&precision=s',
      'cpu,host=a v=1.5,n=9007199254740993i 1700000000',
    );
    await post(standin, '/v1/write/logging', 'app message="hi"');
    expect(standin.points()).toMatchObject([
      {
        sequence: 1,
        category: 'metric',
        query: { input: 'demo', precision: 's' },
        receivedMs: 1_700_000_000_000,
        measurement: 'cpu',
        tags: { host: 'a' },
        fields: { v: 1.5, n: 9007199254740993n },
        time: '1700000000000000000',
      },
      {
        sequence: 2,
        category: 'logging',
        fields: { message: 'hi', status: 'info' },
        time: '1700000000000000000',
      },
    ]);
    expect(standin.points({ category: 'logging' }).map((point) => point.sequence)).toEqual([2]);
    expect(standin.points({ after: 1 }).map((point) => point.sequence)).toEqual([2]);
    expect(standin.received).toMatchObject({
      requests: 2,
      accepted: 2,
      points: 2,
      byCategory: { metric: 1, logging: 1 },
    });
  });

  test('is listed over HTTP, with all digits of integers', async () => {
    const standin = await start();
    await post(standin, '/v1/write/metric', 'm v=9007199254740993i 1\nm v=2 1');
    const listed = await fetch(`${standin.url}/_standin/points?category=metric&after=0&limit=1`);
    const text = await listed.text();
    expect(text).toContain('"v":9007199254740993');
    expect(JSON.parse(text)).toMatchObject({
      points: [{ line: 'm v=9007199254740993i 1000000000' }],
      last: 1,
    });
    const none = await fetch(`${standin.url}/_standin/points?after=2`);
    expect(await none.json()).toEqual({ points: [], last: 2 });
  });

  test('is told to a callback, request by request, before the answer', async () => {
    const requests: AcceptedRequest[] = [];
    const standin = await start({ onPoints: (request) => requests.push(request) });
    await post(standin, '/v1/write/object', 'm f=1');
    await post(standin, '/v1/write/object?dry=false', 'm f=1');
    await post(standin, '/v1/write/object', 'm f=');
    expect(requests).toMatchObject([
      { category: 'object', points: [{ measurement: 'm', fields: { name: 'default' } }] },
    ]);
    expect(standin.received).toMatchObject({ requests: 3, accepted: 1, dry: 1, refused: 1 });
  });

  test('vanishes when it is a point without fields', async () => {
    const standin = await start();
    const answer = await post(standin, '/v1/write/metric', 'm s="x" 1\nm v=1 1');
    expect(answer.headers.get('x-datakit')).not.toBeNull();
    expect(standin.points().map((point) => point.line)).toEqual(['m v=1 1000000000']);
  });

  test('is bounded', async () => {
    const standin = await start({ maxPoints: 10 });
    for (let i = 0; i < 30; i += 1) await post(standin, '/v1/write/metric', `m v=${i} 1`);
    expect(standin.points().map((point) => point.fields['v'])).toEqual([
      20, 21, 22, 23, 24, 25, 26, 27, 28, 29,
    ]);
    expect(standin.received.points).toBe(30);
  });

  test('is forgotten on reset, while numbers go on', async () => {
    const standin = await start();
    await post(standin, '/v1/write/metric', 'm v=1 1');
    expect((await post(standin, '/_standin/reset', '')).status).toBe(200);
    expect(standin.points()).toEqual([]);
    expect(standin.received).toMatchObject({ requests: 0, points: 0, byCategory: {} });
    await post(standin, '/v1/write/metric', 'm v=1 1');
    expect(standin.points()[0]?.sequence).toBe(2);
  });
});

describe('answers', () => {
  test('a 200 without the header means a lost batch', async () => {
    const standin = await start();
    const json = { 'Content-Type': 'application/json' };
    for (const answer of [
      await post(standin, '/v1/write/metric', '[{"measurement":"m","fields":{"f":1}},null]', json),
      await post(standin, '/v1/write/metric', 'm v=1 1', { 'Content-Encoding': 'gzip' }),
    ]) {
      expect([answer.status, answer.headers.get('x-datakit'), await answer.text()]).toEqual([200, null, '']);
    }
    expect(standin.received).toMatchObject({ refused: 2, points: 0 });
  });

  test('a body that is cut within its encoding is answered 400', async () => {
    const standin = await start();
    const whole = gzipSync('m v=1 1');
    const answer = await post(standin, '/v1/write/metric', whole.subarray(0, -6), {
      'Content-Encoding': 'gzip',
    });
    expect([answer.status, await answer.json()]).toEqual([400, { error_code: 'datakit.decodeBodyFailed' }]);
  });

  test('gzip, deflate and brotli are read, by header or by query', async () => {
    const standin = await start();
    const { brotliCompressSync, deflateRawSync, deflateSync } = await import('node:zlib');
    const line = Buffer.from('m v=1 1');
    await post(standin, '/v1/write/metric', gzipSync(line), { 'Content-Encoding': 'gzip' });
    await post(standin, '/v1/write/metric?encoding=deflate', deflateSync(line));
    await post(standin, '/v1/write/metric?encoding=deflate', deflateRawSync(line));
    await post(standin, '/v1/write/metric?encoding=br', brotliCompressSync(line));
    expect(standin.points()).toHaveLength(4);
  });

  test('a body beyond the limit is answered 413, packed or not', async () => {
    const standin = await start();
    const bomb = gzipSync(Buffer.alloc(MAX_BODY_BYTES + 1, 120));
    const packed = await post(standin, '/v1/write/metric', bomb, { 'Content-Encoding': 'gzip' });
    expect([packed.status, packed.headers.get('x-datakit')]).toEqual([413, null]);
    expect((await fetch(`${standin.url}/v1/ping`)).status).toBe(200);
  });

  test('more requests a second than allowed are answered 429, for each route alone', async () => {
    let nowMs = 0;
    const standin = await start({ rateLimit: 2, now: () => nowMs });
    const statuses = async (path: string, count: number) => {
      const answers: number[] = [];
      for (let i = 0; i < count; i += 1) answers.push((await post(standin, path, 'm v=1 1')).status);
      return answers;
    };
    expect(await statuses('/v1/write/metric', 4)).toEqual([200, 200, 429, 429]);
    expect(await statuses('/v1/write/logging', 1)).toEqual([200]);
    nowMs = 500;
    expect(await statuses('/v1/write/metric', 2)).toEqual([200, 429]);
    const throttled = await post(standin, '/v1/write/metric', 'm v=1 1');
    expect([await throttled.json(), throttled.headers.has('x-datakit')]).toEqual([
      { error_code: 'datakit.reachMaxAPILimit' },
      true,
    ]);
    expect(standin.received).toMatchObject({ throttled: 4, points: 4 });
  });

  test('a last error is kept, but not from elsewhere', async () => {
    const standin = await start();
    const body = '{"input":"demo","err_content":"it broke"}';
    expect((await post(standin, '/v1/lasterror', body)).status).toBe(200);
    const forwarded = await post(standin, '/v1/lasterror', body, { 'X-Forwarded-For': '192.0.2.1' });
    expect([forwarded.status, await forwarded.json()]).toMatchObject([
      403,
      { error_code: 'datakit.publicAccessDisabled' },
    ]);
    expect(standin.lastErrors()).toMatchObject([{ input: 'demo', content: 'it broke' }]);
  });

  test('what is not there is a page with the header, a slash too many is redirected without', async () => {
    const standin = await start();
    const lost = await fetch(`${standin.url}/v1/nothing`);
    expect([lost.status, lost.headers.has('x-datakit')]).toEqual([404, true]);
    const redirected = await post(standin, '/v1/write/metric/', 'm v=1');
    expect([
      redirected.status,
      redirected.headers.get('location'),
      redirected.headers.has('x-datakit'),
    ]).toEqual([307, '/v1/write/metric', false]);
  });

  test('a body that ends before its length is answered 500', async () => {
    const standin = await start();
    const answer = await new Promise<string>((resolve, reject) => {
      const socket = connect({ port: standin.port, host: '127.0.0.1', allowHalfOpen: true });
      let text = '';
      socket.on('data', (chunk) => {
        text += chunk;
      });
      socket.on('error', reject);
      socket.on('end', () => {
        socket.destroy();
        resolve(text);
      });
      socket.end('POST /v1/write/metric HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nm v=1 1');
    });
    expect(answer).toContain('500');
    expect(standin.received.points).toBe(0);
  });
});

test('it can be closed while a request is open, and twice', async () => {
  const standin = await startStandin();
  const socket = connect({ port: standin.port, host: '127.0.0.1' });
  const closed = new Promise((resolve) => socket.on('close', resolve));
  await new Promise((resolve) =>
    socket.write('POST /v1/write/metric HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nm', resolve),
  );
  await standin.close();
  await standin.close();
  socket.destroy();
  await closed;
});

test('nothing that is sent to it takes it down', async () => {
  const standin = await start();
  const path = fc.constantFrom(
    '/v1/write/metric',
    '/v1/write/rum?echo=lp',
    '/v1/write/logging?dry=1&echo=pbjson&precision=%',
    '/v1/write/object?echo=json&strict=1',
    '/v1/write/__proto__',
    '/v1/write/%2e%2e',
    '/v1/lasterror',
    '/_standin/points?after=x&limit=-1&category=__proto__',
    '//v1//',
    '/%',
  );
  const type = fc.constantFrom(
    'application/json',
    'application/pbjson; proto=com.guance.Point',
    'text/plain',
  );
  const encoding = fc.constantFrom('', 'gzip', 'deflate', 'br', 'zstd', 'x');
  const body = fc.oneof(
    fc.uint8Array({ maxLength: 60 }).map((bytes) => Buffer.from(bytes)),
    fc
      .array(fc.constantFrom(...'m,= "\\[]{}:\n1iu', '"fields"', '"key":"k"', '"s":"x"', 'null', '-1'), {
        maxLength: 30,
      })
      .map((parts) => Buffer.from(parts.join(''))),
    fc.json().map((text) => Buffer.from(`[${text}]`)),
    fc.constantFrom(
      Buffer.from(`${'['.repeat(100_000)}`),
      gzipSync('m v=1'),
      Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0]),
    ),
  );
  const request = fc.tuple(
    fc.constantFrom('GET', 'POST', 'PUT', 'HEAD', 'DELETE'),
    path,
    type,
    encoding,
    body,
  );
  const check = async ([method, target, contentType, contentEncoding, bytes]: [
    string,
    string,
    string,
    string,
    Buffer,
  ]) => {
    const headers: Record<string, string> = { 'Content-Type': contentType };
    if (contentEncoding !== '') headers['Content-Encoding'] = contentEncoding;
    const hasBody = method !== 'GET' && method !== 'HEAD';
    const answer = await fetch(standin.url + target, {
      method,
      headers,
      redirect: 'manual',
      ...(hasBody ? { body: bytes } : {}),
    });
    await answer.arrayBuffer();
    expect([200, 301, 307, 400, 403, 404, 500]).toContain(answer.status);
    if (answer.status === 500) expect(target).toBe('/v1/lasterror');
  };
  await fc.assert(fc.asyncProperty(request, check), { numRuns: 500 });
  expect((await fetch(`${standin.url}/v1/ping`)).status).toBe(200);
});
