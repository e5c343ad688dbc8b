import type { ModuleFailure } from '@pythond/jobs';
import type { HoldReason, Problem } from '@pythond/registry';

/** What a scheduler tells whoever started it; `up` prints it. */
export type SchedulerEvent =
  /** This scheduler leads from now on: it alone acts. */
  | { readonly kind: 'leads'; readonly fence: number }
  /** Another one leads; this one takes over when that is gone. */
  | {
      readonly kind: 'stands-by';
      readonly leader: {
        readonly name: string;
        readonly host: string;
        readonly sinceMs: number;
        readonly fence: number;
      };
    }
  /** The whole home was read for the first time; each of these inputs is discovered next. */
  | { readonly kind: 'home-read'; readonly inputs: readonly string[] }
  /** Files or block of an input changed: this version is discovered next. */
  | { readonly kind: 'input-changed'; readonly input: string; readonly number: number }
  | { readonly kind: 'input-gone'; readonly input: string }
  /** The code of this version runs from each collector's next tick on. `before`: null for an input's first. */
  | {
      readonly kind: 'took-over';
      readonly input: string;
      readonly number: number;
      readonly before: number | null;
    }
  | {
      readonly kind: 'held-back';
      readonly input: string;
      readonly number: number;
      readonly inForce: number | null;
      readonly reasons: readonly HoldReason[];
    }
  /** Something that was wrong with the home is so no more. */
  | { readonly kind: 'problem-solved'; readonly problem: Problem }
  | { readonly kind: 'problem'; readonly problem: Problem }
  | {
      readonly kind: 'collector-found';
      readonly id: string;
      /** Where it runs: its pool, or one host of it, `pool@host`. */
      readonly place: string;
      readonly everyMs: number;
      readonly timeoutMs: number;
      readonly paused: boolean;
      /** It runs in a process that stays, from its start on: nobody asks it to. */
      readonly isResident: boolean;
      /** Not in the registry before: it also runs once at once. */
      readonly isNew: boolean;
    }
  | { readonly kind: 'collector-gone'; readonly id: string }
  /** `pool@host` has no worker any more: its collectors of `scope = "host"` wait until it has one again. */
  | { readonly kind: 'host-away' | 'host-back'; readonly place: string; readonly collectors: number }
  | { readonly kind: 'module-failed'; readonly input: string; readonly failure: ModuleFailure }
  | { readonly kind: 'input-failed'; readonly input: string; readonly message: string }
  | { readonly kind: 'discovered'; readonly input: string; readonly collectors: number };
