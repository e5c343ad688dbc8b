export { type FullJitterOptions, fullJitter } from './backoff.ts';
export { type Component, once, runAll, startInOrder, stopInReverse } from './component.ts';
export { DeadlineError, pause, withDeadline } from './deadline.ts';
export { Recurring } from './interval.ts';
export { onShutdownSignal, type ShutdownOptions, type SignalSource } from './signals.ts';
