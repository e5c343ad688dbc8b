export { DeadLetters, LETTERS_KEPT, type LetterHead, type Replay, type Tidings } from './dead-letters.ts';
export { CorruptDeliveryError } from './errors.ts';
export type { LetterFilter } from './letter-filter.ts';
export { GIVE_UP_AFTER_MS, type Loaded, Outbox, type OutboxOptions, type Settlement } from './outbox.ts';
export { type Death, letterOf, type Settled, type SettleOptions, settle } from './settle.ts';
export type { WaitingDelivery } from './stored-delivery.ts';
