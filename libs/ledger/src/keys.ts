import { key } from '@pythond/queue';

/** The keys of `lua/ledger.lua`; the first is what its scripts take. */
export const ledgerKeys = {
  prefix: key('ledger'),
  collectors: key('ledgers'),
  totals: key('ledger-totals'),
  collector: (id: string) => key('ledger', id),
} as const;
