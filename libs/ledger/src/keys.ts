import { key } from '@pythond/queue';

/** The keys of `lua/ledger.lua`; the first is what its scripts take. */
export const ledgerKeys = {
  prefix: key('ledger'),
  collectors: key('ledgers'),
  /** There since the ledger began; gone when Redis has lost it. */
  epoch: key('ledger-epoch'),
  collector: (id: string) => key('ledger', id),
} as const;
