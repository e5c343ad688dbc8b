import { describe, expect, it } from 'vitest';
import { LeaseKeeper } from './lease-keeper.ts';

describe('the lease keeper', () => {
  it('tells each run whether its lease was kept, and forgets the released ones', async () => {
    const asked: string[][] = [];
    const heard: string[] = [];
    const twice = withResolvers();
    const keeper = new LeaseKeeper(
      {
        renew: async (held) => {
          asked.push(held.map(({ scheduler }) => scheduler));
          if (asked.length === 2) twice.resolve(undefined);
          return held.map(({ scheduler }) => scheduler !== 'stolen');
        },
      },
      () => undefined,
      1,
    );
    const hold = (scheduler: string) =>
      keeper.hold({
        scheduler,
        lease: 'x',
        onRenewed: () => heard.push(`${scheduler} kept`),
        onLost: () => {
          heard.push(`${scheduler} lost`);
          releases[scheduler]?.();
        },
      });
    const releases: Record<string, () => void> = {};
    for (const scheduler of ['mine', 'stolen']) releases[scheduler] = hold(scheduler);
    keeper.start();
    await twice.promise;
    await keeper.stop();
    expect(asked[0]).toEqual(['mine', 'stolen']);
    expect(asked[1]).toEqual(['mine']);
    expect(heard.slice(0, 2)).toEqual(['mine kept', 'stolen lost']);
  });

  it('goes on when Redis does not answer', async () => {
    let tries = 0;
    const errors: unknown[] = [];
    const third = withResolvers();
    const keeper = new LeaseKeeper(
      {
        renew: () => {
          tries += 1;
          if (tries === 3) third.resolve(undefined);
          return Promise.reject(new Error('gone'));
        },
      },
      (error) => errors.push(error),
      1,
    );
    keeper.start();
    await third.promise;
    await keeper.stop();
    expect(errors.length).toBeGreaterThanOrEqual(2);
  });
});

function withResolvers() {
  let resolve: (value: unknown) => void = () => undefined;
  const promise = new Promise((done) => {
    resolve = done;
  });
  return { promise, resolve };
}
