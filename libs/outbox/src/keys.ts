import { key } from '@pythond/queue';

/** The keys of the scripts in `lua/`; `store.lua` says what is in each. */
export const outboxKeys = {
  totals: key('outbox'),
  deliveries: key('deliveries'),
  deliveryPrefix: key('delivery'),
  delivery: (id: string) => key('delivery', id),
  letters: key('letters'),
  letterPrefix: key('letter'),
  letter: (id: string) => key('letter', id),
} as const;
