import { key } from '@pythond/queue';

/** The keys of `lua/ledger.lua`; the first is what its scripts take. */
export const ledgerKeys = {
  prefix: key('ledger'),
  collectors: key('ledgers'),
  collector: (id: string) => key('ledger', id),
} as const;
