import type { Problem } from './fleet.ts';
import type { HoldReason } from './input-version.ts';
import type { Rollout } from './inputs.ts';

export interface HeldBack {
  readonly input: string;
  readonly number: number;
  /** The version that goes on; null: none has taken over yet. */
  readonly inForce: number | null;
  readonly reasons: readonly HoldReason[];
}

const MAX_SHOWN = 3;

/** A version that does not take over, for people: what goes on instead, why, and what to do. */
export function heldBackProblem({ input, number, inForce, reasons }: HeldBack): Problem {
  const goesOn = inForce === null ? '' : `, and version ${inForce} goes on`;
  const shown = reasons.slice(0, MAX_SHOWN).map(describe);
  const more = reasons.length > shown.length ? `; and ${reasons.length - shown.length} more` : '';
  return {
    level: 'error',
    code: 'held-back',
    text: `${input}: version ${number} is held back${goesOn}: ${shown.join('; ')}${more}; mend it, or take it as it is with \`pythond rollout promote ${input}\``,
  };
}

/** The same for what is stored of an input; null where its newest version is not held back. */
export function heldProblem({ input, inForce, versions }: Rollout): Problem | null {
  const held = versions.find(({ state }) => state === 'held');
  return held?.held
    ? heldBackProblem({ input, number: held.number, inForce, reasons: held.held.reasons })
    : null;
}

function describe({ module, type, message }: HoldReason): string {
  return module === null ? `${message} (${type})` : `module ${module}: ${type}: ${message}`;
}
