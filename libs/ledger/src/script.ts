/** What a script that moves points has before it: see the file. */
export const ledgerLua = new URL('../lua/ledger.lua', import.meta.url);
