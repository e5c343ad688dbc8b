export {
  type LedgerCounts,
  type LedgerEntry,
  type LedgerState,
  ledgerStates,
  noPoints,
  sumOf,
  unaccounted,
} from './counts.ts';
export { ledgerKeys } from './keys.ts';
export { Ledger } from './ledger.ts';
export { LossWatch } from './loss-watch.ts';
export { ledgerLua } from './script.ts';
