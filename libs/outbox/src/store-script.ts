import { ledgerLua } from '@pythond/ledger';
import { Script } from '@pythond/queue';

const store = new URL('../lua/store.lua', import.meta.url);

/** A script of `lua/`, with the functions that they share. */
export function storeScript(name: string): Script {
  return new Script(ledgerLua, store, new URL(`../lua/${name}.lua`, import.meta.url));
}
