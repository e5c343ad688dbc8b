export interface SignalSource {
  on(event: 'SIGINT' | 'SIGTERM', listener: (signal: string) => void): unknown;
  off(event: 'SIGINT' | 'SIGTERM', listener: (signal: string) => void): unknown;
}

export interface ShutdownOptions {
  /** Called with the first signal; the process is expected to end by itself afterwards. */
  readonly onFirst: (signal: string) => void;
  /** Called with every later one: the user does not want to wait. */
  readonly onSecond: (signal: string) => void;
  readonly source?: SignalSource;
}

/** First SIGINT or SIGTERM: graceful. Second: forceful. Returns a function that takes the listeners off again. */
export function onShutdownSignal({ onFirst, onSecond, source = process }: ShutdownOptions): () => void {
  let seen = 0;
  const listener = (signal: string) => {
    seen += 1;
    if (seen === 1) onFirst(signal);
    else onSecond(signal);
  };
  source.on('SIGINT', listener);
  source.on('SIGTERM', listener);
  return () => {
    source.off('SIGINT', listener);
    source.off('SIGTERM', listener);
  };
}
