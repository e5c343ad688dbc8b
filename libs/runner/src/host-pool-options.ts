import type { Catalogue } from './catalogue.ts';
import type { Host, HostOptions } from './host.ts';
import type { HostDeath } from './host-death.ts';
import type { RecycleLimits } from './pooled-host.ts';

export interface HostPoolOptions extends Pick<HostOptions, 'corePath' | 'tmpDir'> {
  /** Python host processes at once, those that are stopping included. */
  readonly maxHosts: number;
  /** What they may use together, bytes of resident memory; default: whatever they use. */
  readonly maxMemoryBytes?: number | undefined;
  readonly recycle?: Partial<RecycleLimits> | undefined;
  /** Told of what happens to hosts, for logs and counters. */
  readonly onEvent?: ((event: HostEvent) => void) | undefined;
  readonly random?: (() => number) | undefined;
  /** Instead of the real thing, in tests. */
  readonly createHost?: ((options: HostOptions) => Host) | undefined;
}

/** Why a host is not lent any more: to make room, for others or in memory; because it ran often enough, or grew; by request; because the pool stops. */
export type RetireReason = 'evicted' | 'worn' | 'unwanted' | 'stopping';

export type HostEvent =
  | { readonly kind: 'starting'; readonly key: string; readonly pid: number | null }
  | { readonly kind: 'ready'; readonly key: string; readonly pid: number | null; readonly ms: number }
  | { readonly kind: 'retired'; readonly key: string; readonly why: RetireReason }
  | { readonly kind: 'gone'; readonly key: string; readonly death: HostDeath };

export interface AcquireOptions {
  readonly signal?: AbortSignal | undefined;
  /** How long to wait when hosts of this kind died lately; a longer back-off is a HostUnavailableError at once. */
  readonly waitMs?: number | undefined;
}

/** A ready host, lent. */
export interface HostLease {
  readonly host: Host;
  readonly catalogue: Catalogue;
  /** Has the host stopped when its last lease is back: it is not lent again. */
  retire(): void;
  /** When all runs that were started through this lease are over; may be called again. */
  release(): void;
}

/** How many places are in which state. */
export interface HostPoolStats {
  readonly starting: number;
  readonly busy: number;
  readonly idle: number;
  readonly stopping: number;
  /** Kinds of host that wait for room. */
  readonly waiting: number;
}
