import type { ModuleFailure } from '@pythond/jobs';
import type { Problem } from '@pythond/registry';

/** What a scheduler tells whoever started it; `up` prints it. */
export type SchedulerEvent =
  /** The whole home was read; each of these inputs is discovered next. */
  | { readonly kind: 'home-read'; readonly inputs: readonly string[] }
  | { readonly kind: 'problem'; readonly problem: Problem }
  | {
      readonly kind: 'collector-found';
      readonly id: string;
      readonly pool: string;
      readonly everyMs: number;
      readonly paused: boolean;
      /** Not in the registry before: it also runs once at once. */
      readonly isNew: boolean;
    }
  | { readonly kind: 'collector-gone'; readonly id: string }
  | { readonly kind: 'module-failed'; readonly input: string; readonly failure: ModuleFailure }
  | { readonly kind: 'input-failed'; readonly input: string; readonly message: string }
  | { readonly kind: 'discovered'; readonly input: string; readonly collectors: number };
