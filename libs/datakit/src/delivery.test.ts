import { describe, expect, it } from 'vitest';
import { bodyOf, type Delivery, linesOf, pathOf, routeOf } from './delivery.ts';

const to = (category: string, query: Delivery['query'] = []): Delivery => ({
  endpoint: 'http://h:1',
  category,
  query,
  body: 'a v=1 1\nb v=1 2',
  points: 2,
});

describe('pathOf', () => {
  it('puts precision first and the parameters of the script after it, in their order', () => {
    const query = [
      ['input', 'demo'] as const,
      ['ignore_global_tags', 'true'] as const,
      ['version', '1.0'] as const,
    ];
    expect(pathOf(to('metric', query))).toBe(
      '/v1/write/metric?precision=n&input=demo&ignore_global_tags=true&version=1.0',
    );
  });

  it('escapes what the original forgot to', () => {
    expect(pathOf(to('logging', [['input', 'a&dry=1 #ü/?%']]))).toBe(
      '/v1/write/logging?precision=n&input=a%26dry%3D1%20%23%C3%BC%2F%3F%25',
    );
  });
});

describe('routeOf', () => {
  it('is what DataKit counts requests by', () => {
    expect(routeOf(to('custom_object'))).toBe('http://h:1/v1/write/custom_object');
  });

  it.each(['', '..', 'metric/', 'metric?dry=1', 'Metric'])('refuses %s, which is no category', (category) => {
    expect(() => routeOf(to(category))).toThrow('not a category');
  });
});

describe('linesOf', () => {
  it('takes the lines at hand, else those of the body', () => {
    expect(linesOf(to('metric'))).toEqual(['a v=1 1', 'b v=1 2']);
    expect(linesOf({ ...to('metric'), body: Buffer.from('a v=1 1\nb v=1 2') })).toEqual([
      'a v=1 1',
      'b v=1 2',
    ]);
    expect(linesOf({ ...to('metric'), lines: ['x', 'y'] })).toEqual(['x', 'y']);
  });

  it('says so when the lines are not as many as the points', () => {
    expect(linesOf({ ...to('metric'), points: 3 })).toBeNull();
  });

  it('takes no JSON apart by itself', () => {
    const json: Delivery = { ...to('metric'), form: 'json', body: '[{},{}]' };
    expect(linesOf(json)).toBeNull();
    expect(linesOf({ ...json, lines: ['{}', '{}'] })).toEqual(['{}', '{}']);
  });
});

describe('bodyOf', () => {
  it('joins lines by newlines and objects to an array', () => {
    expect(bodyOf(undefined, ['a v=1 1', 'b v=1 2'])).toBe('a v=1 1\nb v=1 2');
    expect(bodyOf('line-protocol', ['a v=1 1'])).toBe('a v=1 1');
    expect(bodyOf('json', ['{"a":1}', '{"b":2}'])).toBe('[{"a":1},{"b":2}]');
  });
});
