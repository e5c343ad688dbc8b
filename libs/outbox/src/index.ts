export { CorruptDeliveryError } from './errors.ts';
export { GIVE_UP_AFTER_MS, Outbox } from './outbox.ts';
export { type Death, letterOf, type Settled, type SettleOptions, settle } from './settle.ts';
export { loadDelivery, storeDelivery, type WaitingDelivery } from './stored-delivery.ts';
