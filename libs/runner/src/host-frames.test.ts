import { describe, expect, it } from 'vitest';
import { FrameError } from './errors.ts';
import { frameType } from './frames.ts';
import { hostFrameLimits, readHostFrame } from './host-frames.ts';
import { defaultHostLimits } from './limits.ts';

function read(type: number, value: unknown) {
  return readHostFrame(type, Buffer.isBuffer(value) ? value : Buffer.from(JSON.stringify(value)));
}

const ended = {
  run: 7,
  cause: 'exited',
  exitCode: 0,
  signal: null,
  startedAtNs: '1700000000123456789',
  endedAtNs: '1700000000223456789',
  forkMs: 1.2,
  runMs: 98,
  cpuMs: 3.1,
  maxRssKb: 12345,
  stdout: 'x',
  stderr: '',
  stdoutBytes: 5,
  stderrBytes: 0,
  strays: 0,
};
const collector = {
  key: 'Demo/demo:Demo',
  module: 'demo',
  dir: 'Demo',
  class: 'Demo',
  name: 'Demo',
  interval: 10,
  timeout: null,
  isolation: null,
  warnings: [],
};
const ready = {
  protocol: 1,
  pid: 1,
  python: { version: '3.11.7', executable: '/usr/bin/python3', prefix: '/usr' },
  importMs: 1.5,
  threads: 0,
  collectors: [collector],
  failures: [],
  warnings: [],
  stdout: '',
  stderr: '',
};

describe('readHostFrame', () => {
  it('reads an end, its signal by number or by name', () => {
    expect(read(frameType.ended, ended)).toMatchObject({
      ended: { run: 7, startedAtNs: 1_700_000_000_123_456_789n },
    });
    for (const signal of [9, 'SIGKILL']) {
      expect(read(frameType.ended, { ...ended, exitCode: null, signal })).toMatchObject({
        ended: { signal: 'SIGKILL' },
      });
    }
    expect(read(frameType.ended, { ...ended, signal: 40 })).toMatchObject({ ended: { signal: 'signal 40' } });
  });

  it('ignores keys that it does not know', () => {
    const frame = read(frameType.ended, { ...ended, newer: { a: 1 } });
    expect(frame).toMatchObject({ type: 'ended' });
    expect(frame).not.toHaveProperty('ended.newer');
  });

  it('reads a catalogue and leaves out the pid that the host claims', () => {
    const frame = read(frameType.ready, ready);
    expect(frame).toMatchObject({ catalogue: { collectors: [collector], threads: 0 } });
    expect(frame).not.toHaveProperty('catalogue.pid');
  });

  it('reads pieces of results and output', () => {
    expect(read(frameType.result, Buffer.from([0, 0, 0, 7, 65, 66]))).toEqual({
      type: 'result',
      run: 7,
      bytes: Buffer.from('AB'),
    });
    expect(read(frameType.output, Buffer.from([0, 0, 0, 7, 2, 65]))).toEqual({
      type: 'output',
      run: 7,
      stream: 'stderr',
      bytes: Buffer.from('A'),
    });
  });

  it.each([
    ['ended', frameType.ended, { ...ended, run: 2 ** 32 }],
    ['ended', frameType.ended, { ...ended, run: -1 }],
    ['ended', frameType.ended, { ...ended, run: 1.5 }],
    ['ended', frameType.ended, { ...ended, run: '7' }],
    ['ended', frameType.ended, { ...ended, cause: 'bored' }],
    ['ended', frameType.ended, { ...ended, exitCode: 'x' }],
    ['ended', frameType.ended, { ...ended, cpuMs: -1 }],
    ['ended', frameType.ended, { ...ended, startedAtNs: '1e9' }],
    ['ended', frameType.ended, { ...ended, startedAtNs: '12345678901234567890' }],
    ['ended', frameType.ended, { ...ended, stdout: ['x'] }],
    ['ended', frameType.ended, Buffer.from(JSON.stringify(ended).replace('98', 'NaN'))],
    ['started', frameType.started, { run: 7 }],
    ['started', frameType.started, Buffer.from('[]')],
    ['ready', frameType.ready, { ...ready, protocol: 2 }],
    ['ready', frameType.ready, { ...ready, collectors: [collector, collector] }],
    ['ready', frameType.ready, { ...ready, collectors: [{ ...collector, interval: 0 }] }],
    ['ready', frameType.ready, { ...ready, collectors: [{ ...collector, key: 'k'.repeat(10_000) }] }],
    ['ready', frameType.ready, { ...ready, collectors: null }],
    ['result', frameType.result, Buffer.from([0, 0, 7])],
    ['output', frameType.output, Buffer.from([0, 0, 0, 7])],
    ['output', frameType.output, Buffer.from([0, 0, 0, 7, 3, 65])],
    ['setup', frameType.setup, { protocol: 1 }],
  ])('refuses a wrong "%s" (%#)', (_, type, value) => {
    expect(() => read(type, value)).toThrow(FrameError);
  });

  it('bounds every type of frame, and knows only those of a host', () => {
    const limitOf = hostFrameLimits(defaultHostLimits);
    const most = Array.from({ length: 256 }, (_, type) => limitOf(type));
    expect(most.filter((limit) => limit > 0)).toHaveLength(6);
    expect(Math.max(...most)).toBeLessThanOrEqual(8 * 1024 * 1024);
  });
});
