import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { connect, probe, QueueError, type RedisTarget } from '@pythond/queue';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Certificate, CertificateAuthority } from '../../support/certificates.ts';
import { runCli } from '../../support/cli.ts';
import { freePort, type RedisServer, startRedisServer } from '../../support/redis-server.ts';

// Real servers with certificates of a CA of the test's own.
const PASSWORD = 'a-password-that-no-message-shows';
const stops: (() => Promise<void>)[] = [];
let dir: string;
let ca: CertificateAuthority;
let other: CertificateAuthority;
let client: Certificate;
let good: RedisServer;
let misnamed: RedisServer;
let expired: RedisServer;
let plain: RedisServer;

async function start(certificate: Certificate, asksClients: boolean): Promise<RedisServer> {
  const server = await startRedisServer({
    config: (port) => [
      ...['port 0', `tls-port ${port}`, `requirepass ${PASSWORD}`, `tls-ca-cert-file ${ca.cert}`],
      ...[`tls-cert-file ${certificate.cert}`, `tls-key-file ${certificate.key}`],
      `tls-auth-clients ${asksClients ? 'yes' : 'no'}`,
    ],
  });
  stops.push(server.stop);
  return server;
}

beforeAll(async () => {
  dir = await mkdtemp(path.join(tmpdir(), 'pythond-tls-'));
  stops.push(() => rm(dir, { recursive: true, force: true }));
  ca = await CertificateAuthority.make(dir, 'ca');
  other = await CertificateAuthority.make(dir, 'other');
  client = await ca.sign('client');
  good = await start(await ca.sign('good', { names: 'IP:127.0.0.1' }), true);
  misnamed = await start(await ca.sign('misnamed', { names: 'DNS:redis.internal' }), false);
  expired = await start(await ca.sign('expired', { names: 'IP:127.0.0.1', fromDays: -3 }), false);
  plain = await startRedisServer({ config: (port) => [`port ${port}`] });
  stops.push(plain.stop);
});
afterAll(async () => {
  for (const stop of stops.reverse()) await stop();
});

const at = ({ port }: RedisServer, scheme = 'rediss') => `${scheme}://:${PASSWORD}@127.0.0.1:${port}`;
const own = () => ({ caFile: ca.cert, certFile: client.cert, keyFile: client.key });

async function refusal(target: RedisTarget): Promise<QueueError> {
  const error = await probe(target).then(
    () => new Error('it was let in'),
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof QueueError)) throw error;
  expect(`${error.message} ${error.stack}`).not.toContain(PASSWORD);
  return error;
}

describe('a Redis that speaks TLS', () => {
  it('with a CA of its own, that asks clients for a certificate, takes one who has both', async () => {
    expect(await probe({ url: at(good), ...own() })).toEqual({ version: expect.stringMatching(/^\d+\./) });
    for (const role of ['failing', 'waiting'] as const) {
      const redis = connect({ url: at(good), ...own() }, role, () => undefined);
      expect(await redis.ping()).toBe('PONG');
      redis.disconnect();
    }
  });

  it('whose CA nobody knows: how to name it is said', async () => {
    const { caFile: _, ...rest } = own();
    for (const target of [
      { url: at(good), ...rest },
      { url: at(good), ...rest, caFile: other.cert },
    ]) {
      const { code, message } = await refusal(target);
      expect(code).toBe('redis-tls');
      expect(message).toMatch(/127\.0\.0\.1:\d+ is signed by nobody .* PYTHOND_REDIS_CA_FILE/);
    }
  });

  it('whose certificate is for another host: which ones is said', async () => {
    const { code, message } = await refusal({ url: at(misnamed), caFile: ca.cert });
    expect(code).toBe('redis-tls');
    expect(message).toMatch(/is for another host .*redis\.internal.*REDIS_URL/s);
  });

  it('whose certificate has expired', async () => {
    const { code, message } = await refusal({ url: at(expired), caFile: ca.cert });
    expect(code).toBe('redis-tls');
    expect(message).toMatch(/has expired.*new one/);
  });

  it('that asks for a certificate and gets none, or one of another CA', async () => {
    const strange = await other.sign('strange');
    for (const mine of [{}, { certFile: strange.cert, keyFile: strange.key }]) {
      const { code, message } = await refusal({ url: at(good), caFile: ca.cert, ...mine });
      expect(code).toBe('redis-tls');
      expect(message).toMatch(/client certificate.*PYTHOND_REDIS_CERT_FILE/);
    }
  });

  it('met by redis://, and TLS met by a Redis that does not speak it', async () => {
    expect((await refusal({ url: at(plain) })).message).toMatch(/does not speak TLS,.*redis:\/\//);
    expect((await refusal({ url: at(good, 'redis') })).message).toMatch(/rediss:\/\//);
  });

  it('files that are not there, no PEM, or only half of a pair', async () => {
    const missing = await refusal({ url: at(good), caFile: path.join(dir, 'none.crt') });
    expect(missing.message).toMatch(/none\.crt, can't be read \(ENOENT\).*PYTHOND_REDIS_CA_FILE/);
    const half = await refusal({ url: at(good), caFile: ca.cert, certFile: client.cert });
    expect(half.message).toMatch(/redis_key_file/);
    const junk = path.join(dir, 'junk.pem');
    await writeFile(junk, 'junk');
    for (const bad of [
      { certFile: junk, keyFile: junk },
      { certFile: client.cert, keyFile: ca.key },
    ]) {
      expect((await refusal({ url: at(good), caFile: ca.cert, ...bad })).code).toBe('redis-tls');
    }
  });

  it('is reached by commands that are told of the files by settings', async () => {
    const env = {
      REDIS_URL: at(good),
      PYTHOND_REDIS_CA_FILE: ca.cert,
      PYTHOND_REDIS_CERT_FILE: client.cert,
      PYTHOND_REDIS_KEY_FILE: client.key,
    };
    expect(await runCli(['ls'], { cwd: dir, env })).toMatchObject({ code: 0, stderr: '' });
    const wrong = await runCli(['ls'], { cwd: dir, env: { ...env, PYTHOND_REDIS_CA_FILE: other.cert } });
    expect(wrong).toMatchObject({ code: 2, stderr: expect.stringContaining('PYTHOND_REDIS_CA_FILE') });
    expect(wrong.stdout + wrong.stderr).not.toContain(PASSWORD);
  });

  it('a Redis that is not there is another matter', async () => {
    const url = `rediss://:${PASSWORD}@127.0.0.1:${await freePort()}`;
    expect((await refusal({ url })).code).toBe('redis-unreachable');
  });
});
