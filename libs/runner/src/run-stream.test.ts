import { describe, expect, it } from 'vitest';
import { encodeFrame, encodeJsonFrame, frameType, MAX_STATE_BYTES } from './frames.ts';
import { runFrameLimits } from './run-frames.ts';
import { RunStream } from './run-stream.ts';

const report = (number: number, more = false) =>
  encodeJsonFrame(frameType.report, {
    report: number,
    category: 'metric',
    query: {},
    ip: null,
    port: null,
    at: '1',
    points: [number],
    more,
  });
const finished = encodeJsonFrame(frameType.finished, { error: null });

function open(onReport?: (points: string) => void) {
  const reports: string[] = [];
  const budget = { held: 0, max: 2_000_000 };
  const stream = new RunStream(
    { frames: runFrameLimits, budget },
    {
      onReport: (frame) => {
        const points = frame.kind === 'points' ? frame.points : frame.body;
        reports.push(points);
        onReport?.(points);
      },
    },
  );
  return { stream, reports, budget };
}

describe('RunStream', () => {
  it('reads reports as they come and counts calls, not frames', () => {
    const { stream, reports } = open();
    stream.push(Buffer.concat([report(0, true), report(0), report(1)]));
    stream.push(finished);
    stream.end(true);
    expect(stream).toMatchObject({ reports: 2, finished: true, error: null, frameError: null });
    expect(reports).toEqual(['[0]', '[0]', '[1]']);
  });

  it('keeps the last state that it is told, as a copy, and takes none that is too long', () => {
    const { stream } = open();
    const frame = encodeFrame(frameType.newState, Buffer.from([0, 0xff]));
    stream.push(frame);
    frame.fill(1);
    expect(stream.state).toEqual(Buffer.from([0, 0xff]));
    stream.push(encodeFrame(frameType.newState, Buffer.alloc(0)));
    expect(stream.state).toEqual(Buffer.alloc(0));
    stream.push(encodeFrame(frameType.newState, Buffer.alloc(MAX_STATE_BYTES)));
    expect(stream.frameError).toBeNull();
    stream.push(encodeFrame(frameType.newState, Buffer.alloc(MAX_STATE_BYTES + 1)));
    expect(stream.frameError?.code).toBe('too-long');
  });

  it('fails what follows "finished", and keeps what came before it', () => {
    const { stream, reports } = open();
    stream.push(Buffer.concat([report(0), finished, report(1)]));
    expect(stream.frameError?.code).toBe('out-of-order');
    expect(reports).toEqual(['[0]']);
  });

  it('reads nothing after a broken frame, but counts it', () => {
    const { stream, reports, budget } = open();
    stream.push(encodeFrame(0x7f, Buffer.alloc(3)));
    stream.push(report(0));
    expect(stream.frameError?.code).toBe('unknown-type');
    expect(reports).toEqual([]);
    expect(stream.bytes).toBe(8 + report(0).length);
    expect(budget.held).toBe(0);
  });

  it('takes half a frame for broken when the run ended by itself, not when it was killed', () => {
    const byItself = open();
    byItself.stream.push(report(0).subarray(0, 20));
    byItself.stream.end(true);
    expect(byItself.stream.frameError?.code).toBe('truncated');
    const killed = open();
    killed.stream.push(report(0).subarray(0, 20));
    killed.stream.end(false);
    expect(killed.stream.frameError).toBeNull();
    expect(killed.budget.held).toBe(0);
  });

  it('takes what the reader of reports throws for a broken frame', () => {
    const { stream } = open(() => {
      throw new Error('unexpected "x" at position 3');
    });
    stream.push(report(0));
    expect(stream.frameError).toMatchObject({
      code: 'report-refused',
      message: 'unexpected "x" at position 3',
    });
  });

  it('counts a warning that repeats, and bounds warnings and last errors', () => {
    const { stream } = open();
    const warning = (message: string) => encodeJsonFrame(frameType.warning, { code: 'c', message });
    stream.push(Buffer.concat([warning('a'), warning('b'), warning('a')]));
    expect(stream.warnings).toEqual([
      { code: 'c', message: 'a', count: 2 },
      { code: 'c', message: 'b', count: 1 },
    ]);
    for (let i = 0; i < 1_000; i++) {
      stream.push(warning(String(i)));
      stream.push(encodeJsonFrame(frameType.lastError, { input: 'i', err_content: String(i) }));
    }
    expect(stream.warnings).toHaveLength(100);
    expect(stream.lastErrors).toHaveLength(100);
  });

  it('passes on what a resident says by set_lasterror as it comes, and keeps none of it', () => {
    const said: string[] = [];
    const ignore = () => undefined;
    const handlers = { onLoaded: ignore, onPassBegan: ignore, onPassEnded: ignore, onWarning: ignore };
    const stream = new RunStream(
      { frames: runFrameLimits, budget: { held: 0, max: 2_000_000 } },
      { resident: { collectors: [], ...handlers, onLastError: ({ content }) => said.push(content) } },
    );
    for (let i = 0; i < 200; i++) {
      stream.push(encodeJsonFrame(frameType.lastError, { input: 'i', err_content: String(i) }));
    }
    expect(said).toHaveLength(200);
    expect(stream.lastErrors).toEqual([]);
  });
});
