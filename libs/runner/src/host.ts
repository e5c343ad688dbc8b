import type { ModuleRef } from '@pythond/jobs';
import type { Confinement } from '@pythond/sandbox';
import type { Catalogue } from './catalogue.ts';
import type { HostDeath } from './host-death.ts';
import type { HostCommand } from './host-process.ts';
import type { HostLimits } from './limits.ts';
import type { RunHandle, RunRequest } from './run-request.ts';

export interface HostOptions extends Omit<HostCommand, 'executable'> {
  readonly interpreter: { readonly executable: string };
  /** The unpacked bundle. */
  readonly bundleRoot: string;
  readonly modules: readonly ModuleRef[];
  /** Folders of the bundle that user code may import from, in order; those of the modules come after them. */
  readonly roots?: readonly string[] | undefined;
  /** Its one run is a resident, which imports the modules itself: the catalogue is empty. */
  readonly resident?: boolean | undefined;
  /** What its runs may do. */
  readonly policy: Confinement;
  readonly limits?: Partial<HostLimits> | undefined;
  /** Told of every change of state, for the log. */
  readonly onState?: ((state: HostState) => void) | undefined;
}

export type HostState =
  | { readonly kind: 'starting' }
  | { readonly kind: 'ready'; readonly catalogue: Catalogue }
  | { readonly kind: 'stopping' }
  | { readonly kind: 'dead'; readonly death: HostDeath };

/** A Python process that has imported a bundle's modules and forks a child for each run. */
export interface Host {
  readonly state: HostState;
  /** Null when it could not be started. */
  readonly pid: number | null;
  /** The catalogue, once the imports are through; rejects with a HostDiedError. */
  readonly ready: Promise<Catalogue>;
  /** Resolves when the process and everything below it is gone. Never rejects. */
  readonly closed: Promise<HostDeath>;
  /** Runs that were ever started, and those that go on. */
  readonly runs: { readonly total: number; readonly live: number };
  /** @throws HostNotReadyError unless its state is `ready` */
  run(request: RunRequest): RunHandle;
  /** Leaves what its runs report unread, so that they wait; or reads on. */
  holdResults(hold: boolean): void;
  /** Resident memory of the host alone, KiB; null when it is not known. */
  residentKb(): number | null;
  /** Ends all runs at once, and the host. Complete when it resolves; may be called at any time, and again. */
  stop(): Promise<HostDeath>;
}
