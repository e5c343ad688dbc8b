import { createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { eventually } from '../../support/eventually.ts';
import { type FaultProxy, type ProxyFault, startFaultProxy } from '../../support/fault-proxy.ts';

const ANSWER = 'x'.repeat(1000);

describe('the fault proxy', () => {
  let seen: string[];
  let server: ReturnType<typeof createServer>;
  let proxy: FaultProxy;
  beforeEach(async () => {
    seen = [];
    server = createServer((message, response) => {
      let body = '';
      message.setEncoding('utf8').on('data', (text: string) => {
        body += text;
      });
      message.on('end', () => {
        seen.push(body);
        response.end(ANSWER);
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    proxy = await startFaultProxy({ port: (server.address() as AddressInfo).port });
  });
  afterEach(async () => {
    await proxy.close();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });

  /** The answer, or the error's code and how much of the answer had come. */
  function post(body: string, signal?: AbortSignal): Promise<string> {
    return new Promise((resolve) => {
      let text = '';
      const call = request(proxy.url, { method: 'POST', agent: false, ...(signal ? { signal } : {}) });
      call.on('response', (response) => {
        response.setEncoding('utf8').on('data', (piece: string) => {
          text += piece;
        });
        response.on('end', () => resolve(text));
        response.on('error', (error: NodeJS.ErrnoException) => resolve(`${error.code} after ${text.length}`));
      });
      call.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
      call.end(body);
    });
  }

  it('passes everything as long as nothing is wrong', async () => {
    expect(await post('a'.repeat(1_000_000))).toBe(ANSWER);
    expect(seen).toEqual(['a'.repeat(1_000_000)]);
  });

  it.each<[ProxyFault, string | RegExp, number]>([
    [{ kind: 'reset-before' }, 'ECONNRESET', 0],
    [{ kind: 'reset-after' }, 'ECONNRESET', 1],
    [{ kind: 'half-answer', bytes: 30 }, /ECONNRESET|HPE_/, 1],
    [{ kind: 'half-answer', bytes: 400 }, /^ECONNRESET after [1-9]/, 1],
    [{ kind: 'refuse' }, 'ECONNREFUSED', 0],
    [{ kind: 'delay', ms: 50 }, ANSWER, 1],
  ])('does %o, and passes everything again afterwards', async (fault, answer, reached) => {
    await proxy.goWrong(fault);
    expect(await post('one')).toMatch(answer);
    expect(seen).toHaveLength(reached);
    await proxy.goWrong(null);
    expect(await post('two')).toBe(ANSWER);
  });

  it.each<ProxyFault>([{ kind: 'black-hole' }, { kind: 'slow-answer', bytesPerSecond: 1 }])(
    'lets nobody get an answer: %o',
    async (fault) => {
      await proxy.goWrong(fault);
      const giveUp = new AbortController();
      const answer = post('one', giveUp.signal);
      await eventually('the connection', () => proxy.connections.open === 1);
      if (fault.kind === 'slow-answer') await eventually('the request', () => seen.length === 1);
      expect(await Promise.race([answer, new Promise((resolve) => setTimeout(resolve, 300, 'none'))])).toBe(
        'none',
      );
      giveUp.abort();
      expect(await answer).toBe('ABORT_ERR');
      await eventually('the connection to be gone', () => proxy.connections.open === 0);
    },
  );

  it('delays each way', async () => {
    await proxy.goWrong({ kind: 'delay', ms: 100 });
    const startMs = performance.now();
    await post('one');
    expect(performance.now() - startMs).toBeGreaterThanOrEqual(199);
  });
});
