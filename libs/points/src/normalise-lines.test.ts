import { describe, expect, it } from 'vitest';
import { normaliseLines } from './normalise-lines.ts';

const time = () => '1700000000000000001';

describe('line protocol that a script posted itself', () => {
  it('keeps its types and gives every point a time in nanoseconds', () => {
    const { accepted, rejected } = normaliseLines('m,t=a i=1i,f=2,b=t 1700000000\nm,t=b v=1', {
      category: 'metric',
      precision: 's',
      time,
    });
    expect(rejected).toEqual([]);
    expect(accepted.map(({ line }) => line)).toEqual([
      'm,t=a i=1i,f=2,b=true 1700000000000000000',
      'm,t=b v=1 1700000000000000001',
    ]);
  });

  it('loses a bad line alone, where DataKit would refuse the whole body', () => {
    const { accepted, rejected } = normaliseLines('m v=1 1700000000000000000\nm,t v=1\nm v=2', {
      category: 'metric',
      time,
    });
    expect(accepted).toHaveLength(2);
    expect(rejected).toMatchObject([{ index: 1, code: 'bad-line', line: 'm,t v=1' }]);
  });

  it("adds the input's tags where a line has not that key", () => {
    const { accepted } = normaliseLines('m,env=own v=1\nm v=1', {
      category: 'metric',
      tags: { env: 'prod' },
      time,
    });
    expect(accepted.map(({ line }) => line.split(' ')[0])).toEqual(['m,env=own', 'm,env=prod']);
  });
});
