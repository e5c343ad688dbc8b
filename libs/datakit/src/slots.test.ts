import { describe, expect, it } from 'vitest';
import { Slots } from './slots.ts';

const never = new AbortController().signal;

describe('Slots', () => {
  it('hands out as many places as there are, then in the order of asking', async () => {
    const slots = new Slots(2);
    const order: number[] = [];
    await slots.acquire(never);
    await slots.acquire(never);
    const waiting = [1, 2, 3].map((nth) => slots.acquire(never).then(() => order.push(nth)));
    expect(order).toEqual([]);
    for (let i = 0; i < 3; i++) slots.release();
    await Promise.all(waiting);
    expect(order).toEqual([1, 2, 3]);
    expect(slots.idle).toBe(false);
    slots.release();
    slots.release();
    expect(slots.idle).toBe(true);
  });

  it('gives no place to who stopped waiting', async () => {
    const slots = new Slots(1);
    await slots.acquire(never);
    const stopping = new AbortController();
    const stopped = slots.acquire(stopping.signal);
    const next = slots.acquire(never);
    stopping.abort();
    expect(await stopped).toBe(false);
    slots.release();
    expect(await next).toBe(true);
    slots.release();
    expect(slots.idle).toBe(true);
    expect(await slots.acquire(stopping.signal)).toBe(false);
  });
});
