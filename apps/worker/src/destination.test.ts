import { defaultPolicy } from '@pythond/sandbox';
import { describe, expect, it } from 'vitest';
import { routeReport } from './destination.ts';

const own = 'http://10.0.0.5:9529';
const input = { datakit: null, destinations: null, policy: defaultPolicy };

describe('where a report goes', () => {
  it.each([
    [null, null],
    ['127.0.0.1', '9529'],
    ['localhost', '9529'],
    [null, '9529'],
  ])("is the worker's DataKit when the script names %s:%s", (ip, port) => {
    expect(routeReport({ ip, port }, input, own)).toEqual({ kind: 'to', endpoint: own });
  });

  it("is the input's own DataKit where its block names one", () => {
    const block = { ...input, datakit: 'http://dk:9529' };
    expect(routeReport({ ip: null, port: null }, block, own)).toEqual({
      kind: 'to',
      endpoint: 'http://dk:9529',
    });
  });

  it('is what the script names, when it may use the network and no destinations are set', () => {
    expect(routeReport({ ip: '10.1.1.1', port: '9530' }, input, own)).toEqual({
      kind: 'to',
      endpoint: 'http://10.1.1.1:9530',
    });
  });

  it('is denied without the network, and where destinations do not list it; the reason says what to write', () => {
    const offline = { ...input, policy: { ...defaultPolicy, network: false } };
    expect(routeReport({ ip: '10.1.1.1', port: null }, offline, own)).toMatchObject({ kind: 'denied' });
    const listed = { ...input, destinations: ['10.1.1.2:9529', '[::1]:*', 'dk.example:9600'] };
    expect(routeReport({ ip: '10.1.1.1', port: '9529' }, listed, own)).toEqual({
      kind: 'denied',
      endpoint: 'http://10.1.1.1:9529',
      reason:
        'the script sends to 10.1.1.1:9529, which is not allowed: add "10.1.1.1:9529" to destinations of this input',
    });
    for (const [ip, port] of [
      ['10.1.1.2', '9529'],
      ['::1', '1'],
      ['DK.example', '9600'],
    ] as const) {
      expect(routeReport({ ip, port }, listed, own).kind).toBe('to');
    }
  });

  it('is denied with the reason when the address is none', () => {
    expect(routeReport({ ip: 'http://x', port: '1' }, input, own)).toMatchObject({ kind: 'denied' });
  });
});
