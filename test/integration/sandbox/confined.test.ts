import { createServer, type Server } from 'node:net';
import { causeOf, defaultHostLimits, outcomeOf } from '@pythond/runner';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openBox, printed, secret } from './support.ts';

let server: Server;
let BOX_PORT = '';
beforeAll(async () => {
  server = createServer((socket) => socket.on('error', () => {}).resume());
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  BOX_PORT = String(typeof address === 'object' ? address?.port : '');
});
afterAll(() => new Promise((resolve) => server.close(resolve)));

describe('a confined collector', () => {
  it('sees nothing of its worker, and the others run on', async () => {
    const box = await openBox({}, { env: { BOX_PORT } });
    const spied = printed(await box.run('Spy'));
    expect(spied).toMatchObject({
      ...{ environ: 'EACCES', memory: 'EACCES', 'host environ': 'EACCES', file: 'EACCES' },
      ...{ signal: 'EPERM', 'signal host': 'EPERM', write: 'EACCES', bundle: 'EACCES' },
      'unix socket': 'EAFNOSUPPORT',
      ...{ network: 'OK', datagram: 'OK', subprocess: 'OK', proc: 'OK', temporary: 'OK' },
      capabilities: '0000000000000000',
    });
    expect(outcomeOf(await box.run('Steady'))).toEqual({ kind: 'succeeded' });
  });

  it('has no network with network = false, neither TCP nor UDP', async () => {
    const box = await openBox({ network: false }, { env: { BOX_PORT } });
    const spied = printed(await box.run('Spy'));
    expect(spied['network']).not.toBe('OK');
    expect(spied['datagram']).not.toBe('OK');
    expect(spied).toMatchObject({ subprocess: 'OK', temporary: 'OK' });
  });

  it('starts nothing with subprocess = false', async () => {
    const box = await openBox({ subprocess: false });
    expect(printed(await box.run('Spy'))).toMatchObject({ subprocess: 'EPERM', temporary: 'OK' });
  });

  it('reads what its block allows', async () => {
    const box = await openBox({ readPaths: [secret] });
    expect(printed(await box.run('Spy'))).toMatchObject({ file: 'OK', write: 'EACCES', environ: 'EACCES' });
  });

  it('is told what was refused, and the key that allows it', async () => {
    const box = await openBox();
    const end = await box.run('Refused');
    expect(outcomeOf(end)).toEqual({ kind: 'failed', reason: 'raised' });
    expect(causeOf(end, defaultHostLimits)).toContain(
      `the sandbox refused reading ${secret}; allow it with read_paths = `,
    );
  });

  it('has all rights of its worker with sandbox = "none", and its runs say so', async () => {
    const box = await openBox({ sandbox: 'none' });
    const end = await box.run('Spy');
    expect(end.policy.level).toBe('none');
    expect(printed(end)).toMatchObject({ file: 'OK', environ: 'OK', signal: 'OK', uid: process.getuid?.() });
  });
});
