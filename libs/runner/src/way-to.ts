import { realpathSync, statSync } from 'node:fs';
import type { Step, WayTo } from '@pythond/sandbox';

/** Every step from `/` to a path and to where its links lead. Empty when it does not exist. */
export function wayTo(path: string): WayTo {
  try {
    const real = realpathSync(path);
    const steps = [...new Set([...stepsTo(path), ...stepsTo(real)])];
    const ends = steps.filter((step) => step !== path && step !== real);
    return [...ends, real].map(look); // what the way leads to comes last
  } catch {
    return [];
  }
}

function stepsTo(path: string): string[] {
  const parts = path.split('/').filter(Boolean);
  return ['/', ...parts.map((_, index) => `/${parts.slice(0, index + 1).join('/')}`)];
}

function look(path: string): Step {
  const stats = statSync(path);
  return { uid: stats.uid, gid: stats.gid, mode: stats.mode, folder: stats.isDirectory() };
}
