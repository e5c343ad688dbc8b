import { describe, expect, it } from 'vitest';
import { onAbort } from './on-abort.ts';

describe('onAbort', () => {
  it('calls everybody who still waits, once', () => {
    const stopping = new AbortController();
    const called: string[] = [];
    onAbort(stopping.signal, () => called.push('first'));
    const forget = onAbort(stopping.signal, () => called.push('second'));
    onAbort(stopping.signal, () => called.push('third'));
    forget();
    stopping.abort();
    stopping.abort();
    expect(called).toEqual(['first', 'third']);
  });

  it('lets one of those called take another back', () => {
    const stopping = new AbortController();
    const called: string[] = [];
    let forgetLater = () => {};
    onAbort(stopping.signal, () => forgetLater());
    forgetLater = onAbort(stopping.signal, () => called.push('later'));
    stopping.abort();
    expect(called).toEqual([]);
  });

  it('puts one listener on the signal, however many wait', () => {
    const { signal } = new AbortController();
    let listeners = 0;
    const original = signal.addEventListener.bind(signal);
    signal.addEventListener = (...args: Parameters<AbortSignal['addEventListener']>) => {
      listeners++;
      original(...args);
    };
    for (let i = 0; i < 100; i++) onAbort(signal, () => {});
    expect(listeners).toBe(1);
  });
});
