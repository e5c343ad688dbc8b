import { type CollectorRecord, placeOf, type ResidentPlan, residentId } from '@pythond/jobs';
import type { Residents } from '@pythond/registry';

/**
 * Makes the residents that are wanted those of the registry's collectors: one for each version of an input that has
 * any, on each host where they are of hosts. A version that has none any more is wanted no more, and its worker ends it. Gives how many were changed.
 */
export async function correctResidents(
  collectors: readonly CollectorRecord[],
  residents: Pick<Residents, 'put' | 'remove' | 'wanted'>,
): Promise<number> {
  const plans = plansOf(collectors);
  let changed = 0;
  for (const [id, place] of await residents.wanted()) {
    const plan = plans.get(id);
    if (plan && placeOf(plan) === place) continue;
    await residents.remove(id, place);
    changed += 1;
  }
  for (const plan of plans.values()) if (await residents.put(plan)) changed += 1;
  return changed;
}

function plansOf(collectors: readonly CollectorRecord[]): Map<string, ResidentPlan> {
  const plans = new Map<string, ResidentPlan>();
  const wanted = collectors.filter(({ paused, resident }) => resident && !paused);
  for (const record of [...wanted].sort((a, b) => (a.id < b.id ? -1 : 1))) {
    const { input, inputNumber: number, pool, host } = record;
    const id = residentId(input, number, host);
    const others = plans.get(id)?.collectors ?? [];
    const where = host === undefined ? { pool } : { pool, host };
    plans.set(id, { v: 1, input, number, ...where, collectors: [...others, record] });
  }
  return plans;
}
