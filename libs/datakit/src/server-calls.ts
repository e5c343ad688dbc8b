import type { Cause } from './cause.ts';
import { isLoopback } from './endpoint.ts';
import type { Exchange } from './exchange.ts';
import type { Transport } from './transport.ts';
import { hasAcceptanceHeader } from './verdict.ts';

export interface PingContent {
  readonly version: string | null;
  readonly uptime: string | null;
  readonly host: string | null;
  readonly commit: string | null;
}

export type Ping =
  | {
      readonly kind: 'answered';
      readonly status: number;
      /** Whether the server owns its answers; without, a plain 2xx of it is believed. */
      readonly showsHeader: boolean;
      readonly content: PingContent | null;
    }
  | { readonly kind: 'failed'; readonly cause: Cause };

export type Ntp =
  /** `aheadMs`: how far the server's clock is ahead of ours, give or take half a second and half the way. */
  | { readonly kind: 'answered'; readonly timestampSeconds: number; readonly aheadMs: number }
  | { readonly kind: 'unusable'; readonly status: number }
  | { readonly kind: 'failed'; readonly cause: Cause };

const MAX_ANSWER_BYTES = 64 * 1024;
const MAX_ERROR_CHARACTERS = 16 * 1024;

export async function ping(transport: Transport, endpoint: string, signal: AbortSignal): Promise<Ping> {
  const exchange = await get(transport, endpoint, '/v1/ping', signal);
  if (exchange.kind === 'failed') return exchange;
  const { status, headers, body } = exchange;
  const content = recordOf(recordOf(parse(body))?.['content']);
  const text = (key: string) => (typeof content?.[key] === 'string' ? content[key] : null);
  return {
    kind: 'answered',
    status,
    showsHeader: hasAcceptanceHeader(headers),
    content: content && {
      version: text('version'),
      uptime: text('uptime'),
      host: text('host'),
      commit: text('commit'),
    },
  };
}

export async function ntp(transport: Transport, endpoint: string, signal: AbortSignal): Promise<Ntp> {
  const sentMs = Date.now();
  const startMs = performance.now();
  const exchange = await get(transport, endpoint, '/v1/ntp', signal);
  if (exchange.kind === 'failed') return exchange;
  const seconds = recordOf(parse(exchange.body))?.['timestamp_sec'];
  if (exchange.status !== 200 || typeof seconds !== 'number') {
    return { kind: 'unusable', status: exchange.status };
  }
  const middleMs = sentMs + (performance.now() - startMs) / 2;
  // Whole seconds, rounded down: the clock stands half a second further on average.
  return { kind: 'answered', timestampSeconds: seconds, aheadMs: seconds * 1000 + 500 - middleMs };
}

/**
 * Tells a DataKit on this machine that an input fails. Best effort: DataKit takes it from loopback only, refuses an
 * empty text, and nothing depends on it. Gives whether it was taken.
 */
export async function lastError(
  transport: Transport,
  endpoint: string,
  input: string,
  content: string,
  signal: AbortSignal,
): Promise<boolean> {
  if (input === '' || content === '' || !isLoopback(endpoint)) return false;
  const body = JSON.stringify({ input, source: input, err_content: content.slice(0, MAX_ERROR_CHARACTERS) });
  const exchange = await transport.exchange(
    endpoint,
    {
      method: 'POST',
      path: '/v1/lasterror',
      headers: { 'content-type': 'application/json' },
      body: Buffer.from(body),
      maxAnswerBytes: MAX_ANSWER_BYTES,
    },
    signal,
  );
  return exchange.kind === 'answered' && exchange.status >= 200 && exchange.status < 300;
}

function get(transport: Transport, endpoint: string, path: string, signal: AbortSignal): Promise<Exchange> {
  return transport.exchange(endpoint, { method: 'GET', path, maxAnswerBytes: MAX_ANSWER_BYTES }, signal);
}

function parse(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    return null;
  }
}

function recordOf(value: unknown): Readonly<Record<string, unknown>> | null {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Record<string, unknown>)
    : null;
}
