import type { CollectorId } from '@pythond/jobs';
import type { Collectors, CollectorView } from '@pythond/registry';
import { CommandError } from '../exit.ts';
import { oneLine } from '../printable.ts';

/** Finds a collector by its id, or by any part of it that fits one alone: `Demo` for `demo/Demo/demo:Demo`. */
export async function findCollector(collectors: Collectors, wanted: string): Promise<CollectorView> {
  const exact = await collectors.get(wanted as CollectorId);
  if (exact) return exact;
  const fitting = (await collectors.ids()).filter((id) => id.toLowerCase().includes(wanted.toLowerCase()));
  const [only] = fitting;
  if (only && fitting.length === 1) {
    const view = await collectors.get(only);
    if (view) return view;
  }
  if (fitting.length === 0)
    throw new CommandError(`No collector is called ${wanted}; \`pythond ls\` lists them.`);
  const shown = fitting.slice(0, 10).map((id) => `  ${oneLine(id)}`);
  const more = fitting.length > shown.length ? `\n  … and ${fitting.length - shown.length} more` : '';
  throw new CommandError(
    `${wanted} fits ${fitting.length} collectors; write more of the id:\n${shown.join('\n')}${more}`,
  );
}
