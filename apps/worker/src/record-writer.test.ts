import { createLogger } from '@pythond/telemetry';
import { describe, expect, it, vi } from 'vitest';
import { RecordWriter } from './record-writer.ts';

const log = createLogger({ level: 'silent', app: 'test', file: '/dev/null' });

describe('the records of a resident', () => {
  it('are written in order, each again until it is, and given up in the end', async () => {
    vi.useFakeTimers();
    const writer = new RecordWriter(log);
    const written: string[] = [];
    const failing = (name: string, failures: number) => async () => {
      written.push(name);
      failures -= 1;
      if (failures >= 0) throw new Error('no Redis');
    };
    writer.add(failing('one', 1));
    writer.add(failing('never', 9));
    writer.add(failing('last', 0));
    const settled = writer.settled(60_000);
    await vi.advanceTimersByTimeAsync(10_000);
    await settled;
    vi.useRealTimers();
    expect(written).toEqual(['one', 'one', 'never', 'never', 'never', 'last']);
  });

  it('keep nobody waiting for longer than was said', async () => {
    const writer = new RecordWriter(log);
    writer.add(() => new Promise(() => undefined));
    await writer.settled(1);
  });
});
