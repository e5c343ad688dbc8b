import type { RunRecord } from '@pythond/jobs';

/** What a worker tells whoever started it; `up` prints it. */
export type WorkerEvent =
  | { readonly kind: 'run-ended'; readonly record: RunRecord }
  /** A resident's call of run() that does not return: what it has done so far. */
  | { readonly kind: 'run-goes-on'; readonly record: RunRecord }
  /** Taken, and left for a worker that can read it. */
  | { readonly kind: 'left-for-newer'; readonly message: string }
  /** `sandbox = "none"` in its block: its collectors have all rights of the worker. */
  | { readonly kind: 'not-confined'; readonly input: string }
  /** The clock of a DataKit and this machine's differ; `aheadMs` is how far the DataKit's is ahead. */
  | { readonly kind: 'clock-off'; readonly endpoint: string; readonly aheadMs: number }
  | {
      readonly kind: 'tick-skipped';
      readonly collector: string;
      readonly reason: string;
      readonly dueMs: number;
    }
  | {
      readonly kind: 'delivered';
      readonly endpoint: string;
      readonly category: string;
      readonly points: number;
      readonly collectors: readonly string[];
      readonly tookMs: number;
    }
  | {
      readonly kind: 'queued';
      readonly endpoint: string;
      readonly category: string;
      readonly points: number;
      readonly collectors: readonly string[];
      readonly reason: string;
    }
  | {
      readonly kind: 'dead';
      readonly category: string;
      readonly points: number;
      readonly collectors: readonly string[];
      readonly code: string;
      readonly message: string;
    };
