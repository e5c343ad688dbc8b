import { describe, expect, it } from 'vitest';
import { FrameError } from './errors.ts';
import { frameType } from './frames.ts';
import { readRunFrame } from './run-frames.ts';

const header = {
  report: 0,
  category: 'metric',
  query: { input: 'datakitpy', precision: 's' },
  ip: null,
  port: null,
  at: '1700000000123456789',
};

function read(type: number, value: unknown) {
  return readRunFrame(type, Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)));
}

describe('readRunFrame', () => {
  it('hands the points on as they stand', () => {
    const text = JSON.stringify({ ...header, points: 'HERE', more: true }).replace('"HERE"', '[{"x": NaN}]');
    expect(read(frameType.report, text)).toEqual({
      type: 'report',
      report: {
        kind: 'points',
        report: 0,
        category: 'metric',
        query: [
          ['input', 'datakitpy'],
          ['precision', 's'],
        ],
        ip: null,
        port: null,
        atNs: 1_700_000_000_123_456_789n,
        points: '[{"x": NaN}]',
        more: true,
      },
    });
  });

  it('takes ip and port as a string or a number', () => {
    const points = { ...header, ip: '127.0.0.1', port: 9529, points: null, more: false };
    expect(read(frameType.report, points)).toMatchObject({ report: { ip: '127.0.0.1', port: '9529' } });
  });

  it('takes the number of a report from a process that the script forked', () => {
    const points = { ...header, report: 4_194_304 * 1_048_576, points: [], more: false };
    expect(read(frameType.report, points)).toMatchObject({ report: { report: 4_398_046_511_104 } });
  });

  it('unwraps a line-protocol body', () => {
    expect(read(frameType.raw, { ...header, body: 'm,t=ä v=1\n' })).toMatchObject({
      report: { kind: 'raw', body: 'm,t=ä v=1\n' },
    });
  });

  it('cuts what a script makes too long', () => {
    const frame = read(frameType.finished, {
      error: {
        type: 'ValueError',
        message: 'm'.repeat(500_000),
        traceback: `first${'t'.repeat(500_000)}last`,
      },
    });
    if (frame.type !== 'finished' || !frame.error) throw new Error('not finished');
    expect(frame.error.message.length).toBeLessThanOrEqual(16_384);
    expect(frame.error.traceback).toMatch(/^first.*characters.*last$/s);
    expect(frame.error.traceback.length).toBeLessThanOrEqual(65_536);
  });

  it.each([
    ['an unknown category', { ...header, category: '../x', points: [], more: false }],
    ['a query that is not strings', { ...header, query: { input: 1 }, points: [], more: false }],
    ['a missing query', { ...header, query: undefined, points: [], more: false }],
    ['a negative number', { ...header, report: -1, points: [], more: false }],
    ['a time that is a number', { ...header, at: 1, points: [], more: false }],
    ['no "more"', { ...header, points: [] }],
    ['no points', { ...header, more: false }],
  ])('refuses a report with %s', (_, value) => {
    expect(() => read(frameType.report, value)).toThrow(FrameError);
  });

  it.each([{ body: 1 }, { body: null }, { body: [] }, { body: {} }, { body: ['a'] }])(
    'refuses %j',
    ({ body }) => {
      expect(() => read(frameType.raw, { ...header, body })).toThrow(FrameError);
    },
  );

  it('refuses frames of the host in a run’s result', () => {
    expect(() => read(frameType.ended, { run: 1 })).toThrow(FrameError);
  });
});
