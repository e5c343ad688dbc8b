import { EndpointError, parseEndpoint } from '@pythond/datakit';
import type { InputRecord } from '@pythond/jobs';

/** Where a report goes, or why it may not go there; then `endpoint` is '' when what the script names is no address. */
export type Route =
  | { readonly kind: 'to'; readonly endpoint: string }
  | { readonly kind: 'denied'; readonly endpoint: string; readonly reason: string };

/** What a script names when it means "my DataKit": nothing, or DataKit's own default address. */
const DEFAULT_HOSTS: ReadonlySet<string> = new Set(['127.0.0.1', 'localhost']);
const DEFAULT_PORT = '9529';

/**
 * A script that names no address, or DataKit's default one, means the DataKit of its input, else the worker's. Any
 * other address is honoured when the input's `destinations` allow it; without that key, when it has the network.
 */
export function routeReport(
  { ip, port }: { readonly ip: string | null; readonly port: string | null },
  record: Pick<InputRecord, 'datakit' | 'destinations' | 'policy'>,
  ownDatakit: string,
): Route {
  const host = ip ?? '127.0.0.1';
  const number = port ?? DEFAULT_PORT;
  if (DEFAULT_HOSTS.has(host) && number === DEFAULT_PORT) {
    return { kind: 'to', endpoint: record.datakit ?? ownDatakit };
  }
  const named = endpointOf(host, number);
  if ('reason' in named) return { kind: 'denied', endpoint: '', reason: named.reason };
  if (isAllowed(host, number, record)) return { kind: 'to', ...named };
  const remedy = `add "${host}:${number}" to destinations of this input`;
  return {
    kind: 'denied',
    ...named,
    reason: `the script sends to ${host}:${number}, which is not allowed: ${remedy}`,
  };
}

function endpointOf(host: string, port: string): { endpoint: string } | { reason: string } {
  try {
    return { endpoint: parseEndpoint(host, port) };
  } catch (error) {
    if (!(error instanceof EndpointError)) throw error;
    return { reason: error.message };
  }
}

function isAllowed(
  host: string,
  port: string,
  { destinations, policy }: Pick<InputRecord, 'destinations' | 'policy'>,
): boolean {
  if (destinations === null) return policy.network;
  return destinations.some((allowed) => {
    const [, allowedHost = '', allowedPort = '*'] = /^(\[[^\]]+\]|[^:]+)(?::(\d+|\*))?$/.exec(allowed) ?? [];
    const sameHost =
      allowedHost.toLowerCase().replace(/^\[|\]$/g, '') === host.toLowerCase().replace(/^\[|\]$/g, '');
    return sameHost && (allowedPort === '*' || allowedPort === port);
  });
}
