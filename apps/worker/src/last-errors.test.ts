import type { RunRecord } from '@pythond/jobs';
import { describe, expect, it } from 'vitest';
import { LastErrors } from './last-errors.ts';

const endpoint = 'http://127.0.0.1:9529';
const failed = (message: string | null) =>
  ({
    collector: 'in/a:A',
    outcome: message === null ? { kind: 'succeeded' } : { kind: 'failed', reason: 'raised' },
    hint: null,
    error: message === null ? null : { type: 'ValueError', message, traceback: '' },
  }) as RunRecord;

function told() {
  const calls: string[] = [];
  let nowMs = 0;
  const lastError = async (to: string, input: string, content: string) => {
    calls.push(`${to} ${input} ${content}`);
    throw new Error('nobody listens');
  };
  const errors = new LastErrors({ client: { lastError }, now: () => nowMs });
  return {
    calls,
    errors,
    later: (ms: number) => {
      nowMs += ms;
    },
  };
}

describe('what DataKit is told of failures', () => {
  it('is each once, again when it is another, when it came back, or ten minutes later', () => {
    const { calls, errors, later } = told();
    for (const message of ['one', 'one', 'two', null, 'two']) errors.ofRun(endpoint, failed(message));
    later(599_999);
    errors.ofRun(endpoint, failed('two'));
    expect(calls).toEqual(
      ['one', 'two', 'two'].map((text) => `${endpoint} pythond/in/a:A ValueError: ${text}`),
    );
    later(1);
    errors.ofRun(endpoint, failed('two'));
    expect(calls).toHaveLength(4);
  });

  it('is all that a script says itself', () => {
    const { calls, errors } = told();
    const own = { input: 'mine', content: 'wrong' };
    errors.ofScript(endpoint, [own, own]);
    expect(calls).toEqual([`${endpoint} mine wrong`, `${endpoint} mine wrong`]);
  });
});
