import type { Problem } from './fleet.ts';

/** Of what it may use: from here on points are about to be refused. */
const NEARLY_FULL = 0.9;

/**
 * What of a Redis's settings and state may lose what the fleet keeps in it. From the reply of INFO, which every user of it
 * may ask for: CONFIG is refused to most.
 */
export function redisProblems(info: string): Problem[] {
  const of = (field: string) => new RegExp(`^${field}:(.*?)\\r?$`, 'm').exec(info)?.[1] ?? '';
  return [...policyProblem(of), ...persistenceProblem(of), ...memoryProblem(of)];
}

type Field = (name: string) => string;

function policyProblem(of: Field): Problem[] {
  const policy = of('maxmemory_policy');
  if (policy === '' || policy === 'noeviction') return [];
  const limit = of('maxmemory') === '0' ? ' once it has a memory limit' : ' when its memory is full';
  const text = `Redis may throw away what the fleet keeps in it${limit} (maxmemory-policy ${policy}): set maxmemory-policy noeviction`;
  return [{ level: 'error', code: 'redis-evicts', text }];
}

function persistenceProblem(of: Field): Problem[] {
  if (of('aof_enabled') === '0') {
    const text =
      'Redis keeps no append-only file, so its restart loses what it got since its last snapshot, if it makes any: dead letters, points that wait, counts; set appendonly yes';
    return [{ level: 'warning', code: 'redis-not-kept', text }];
  }
  if (of('aof_last_write_status') !== 'err') return [];
  const text = `Redis can't write its append-only file: look at its disk and its log`;
  return [{ level: 'error', code: 'redis-disk', text }];
}

function memoryProblem(of: Field): Problem[] {
  const [used, most] = [Number(of('used_memory')), Number(of('maxmemory'))];
  if (!(most > 0) || used < NEARLY_FULL * most) return [];
  const text = `Redis uses ${Math.round((100 * used) / most)} % of the memory that it may use (maxmemory); when it is full, it refuses ticks and points: give it more, or lower PYTHOND_OUTBOX_SIZE and PYTHOND_DEAD_LETTER_SIZE`;
  return [{ level: 'warning', code: 'redis-memory', text }];
}
