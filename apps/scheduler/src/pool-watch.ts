import type { CollectorRecord } from '@pythond/jobs';
import type { Fleet, Inputs, Problem } from '@pythond/registry';

const MAX_NAMED = 5;

/**
 * Finds pools that inputs name and no worker serves: their newest versions wait to be imported, and their collectors' ticks
 * wait to be run. A worker that is being restarted is no such thing: a pool counts when two looks in a row find it so.
 */
export class PoolWatch {
  readonly #inputs: Pick<Inputs, 'pools'>;
  readonly #fleet: Pick<Fleet, 'workers'>;
  /** Pools of the collectors in force, with their inputs: a newer version may have moved to another. */
  #inForce: ReadonlyMap<string, ReadonlySet<string>> = new Map();
  #suspects: ReadonlySet<string> = new Set();

  constructor(inputs: Pick<Inputs, 'pools'>, fleet: Pick<Fleet, 'workers'>) {
    this.#inputs = inputs;
    this.#fleet = fleet;
  }

  knows(collectors: readonly Pick<CollectorRecord, 'input' | 'pool'>[]): void {
    this.#inForce = byPool(collectors.map(({ input, pool }) => [input, pool]));
  }

  /** What is wrong now, one problem a pool. */
  async look(): Promise<Problem[]> {
    const [newest, workers] = await Promise.all([this.#inputs.pools(), this.#fleet.workers()]);
    const served = new Set(workers.flatMap(({ pools }) => pools));
    const wanted = byPool([...newest, ...pairsOf(this.#inForce, newest)]);
    const unserved = new Map([...wanted].filter(([pool]) => !served.has(pool)));
    const known = this.#suspects;
    this.#suspects = new Set(unserved.keys());
    return [...unserved].filter(([pool]) => known.has(pool)).map(([pool, inputs]) => problemOf(pool, inputs));
  }
}

type InputAndPool = readonly [input: string, pool: string];

/** Without inputs that are gone. */
function pairsOf(
  pools: ReadonlyMap<string, ReadonlySet<string>>,
  inputs: ReadonlyMap<string, string>,
): InputAndPool[] {
  return [...pools].flatMap(([pool, names]) =>
    [...names].filter((name) => inputs.has(name)).map((name) => [name, pool] as const),
  );
}

function byPool(pairs: readonly InputAndPool[]): Map<string, Set<string>> {
  const pools = new Map<string, Set<string>>();
  for (const [input, pool] of pairs) pools.set(pool, (pools.get(pool) ?? new Set()).add(input));
  return pools;
}

function problemOf(pool: string, inputs: ReadonlySet<string>): Problem {
  const names = [...inputs].sort();
  const more = names.length > MAX_NAMED ? ` and ${names.length - MAX_NAMED} more` : '';
  const shown = `${names.length === 1 ? 'input' : 'inputs'} ${names.slice(0, MAX_NAMED).join(', ')}${more}`;
  return {
    level: 'warning',
    code: 'pool-unserved',
    pool,
    text: `no worker serves pool ${pool}, so the collectors of ${shown} do not run: start a worker with PYTHOND_POOLS=${pool}, or name another pool in the block`,
  };
}
