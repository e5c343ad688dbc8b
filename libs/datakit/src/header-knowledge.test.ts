import { describe, expect, it } from 'vitest';
import { HeaderKnowledge } from './header-knowledge.ts';
import { ManualClock } from './manual-clock.ts';

describe('HeaderKnowledge', () => {
  it('knows nothing at first, and after it was told to forget', () => {
    const knowledge = new HeaderKnowledge(new ManualClock());
    expect(knowledge.get('a')).toBeNull();
    knowledge.learn('a', true);
    knowledge.learn('b', false);
    expect([knowledge.get('a'), knowledge.get('b')]).toEqual([true, false]);
    knowledge.forget('a');
    expect([knowledge.get('a'), knowledge.get('b')]).toEqual([null, false]);
  });

  it('asks again after a while whether a server without the header has learnt to show it', async () => {
    const clock = new ManualClock();
    const knowledge = new HeaderKnowledge(clock);
    knowledge.learn('old', false);
    knowledge.learn('new', true);
    await clock.advance(5 * 60_000 + 1);
    expect([knowledge.get('old'), knowledge.get('new')]).toEqual([null, true]);
  });

  it('does not grow without end', () => {
    const knowledge = new HeaderKnowledge(new ManualClock());
    for (let i = 0; i < 1001; i++) knowledge.learn(`server ${i}`, true);
    expect([knowledge.get('server 0'), knowledge.get('server 1000')]).toEqual([null, true]);
  });
});
