import type { WorkerView } from '@pythond/registry';
import { InterpreterError } from '@pythond/runner';
import { describe, expect, it } from 'vitest';
import { HandOver } from './hand-over.ts';

const error = new InterpreterError('interpreter-not-found', 'cmd = "py" was not found; install it');
const worker = (cmds: Record<string, boolean>) =>
  ({ name: 'other', host: 'h', pools: ['default'], cmds }) as unknown as WorkerView;

function handOver(starts: boolean, ...answers: WorkerView[][]) {
  let asked = 0;
  return new HandOver({
    worker: 'me',
    fleet: { workers: async () => answers[Math.min(asked++, answers.length - 1)] ?? [] },
    interpreters: { starts: () => starts, try: async () => starts },
  });
}
const judge = (starts: boolean, ...answers: WorkerView[][]) =>
  handOver(starts, ...answers).judge('default', 'py', error, new AbortController().signal);

describe('a cmd that could not be started', () => {
  it('is for others when one of them starts it, also when that one is still trying', async () => {
    expect(await judge(false, [worker({ py: true })])).toBe(true);
    expect(await judge(false, [worker({})], [worker({ py: true })])).toBe(true);
  });

  it('fails when nobody starts it, and says so', async () => {
    const cause = await judge(false, [worker({ py: false })]);
    if (cause === true) throw new Error('handed over');
    expect(cause.code).toBe('interpreter-not-found');
    expect(cause.message).toBe(`${error.message} (none of the 2 workers of default starts it)`);
  });

  it('fails as it is where there is no other worker', async () => {
    expect(await judge(false, [])).toBe(error);
  });

  it('fails where it is when it starts by itself: the environment of the block is why', async () => {
    expect(await judge(true, [worker({ py: true })])).toBe(error);
  });

  it('leaves a resident to others while they may start it', async () => {
    const ask = (starts: boolean, cmds: Record<string, boolean>) =>
      handOver(starts, [worker(cmds)]).isLeftToOthers('default', 'py');
    expect(await Promise.all([ask(false, { py: true }), ask(false, {})])).toEqual([true, true]);
    expect(await Promise.all([ask(false, { py: false }), ask(true, { py: true })])).toEqual([false, false]);
  });
});
