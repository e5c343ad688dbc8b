import { type DataKitClientOptions, DEFAULTS } from './client-options.ts';
import type { Delivery, Destination } from './delivery.ts';
import { Sender } from './sender.ts';
import { lastError, type Ntp, ntp, type Ping, ping } from './server-calls.ts';
import { Transport } from './transport.ts';
import type { Verdict } from './verdict.ts';

export interface SendOptions {
  readonly signal: AbortSignal;
  /** Without compression, for a way that damages it. */
  readonly plain?: boolean;
}

export type EchoFormat = 'lp' | 'json' | 'pbjson';

export interface DryRun {
  readonly verdict: Verdict;
  /** What DataKit would have stored, in the format asked for; or its refusal. Empty without an answer. */
  readonly echo: string;
}

/** All that is said to DataKits. Nothing here rejects for what the network or a server does. */
export interface DataKitClient {
  /** One request for one batch. Throws InvalidDeliveryError and EndpointError, for our own mistakes. */
  send(delivery: Delivery, options: SendOptions): Promise<Verdict>;
  /** Sends one good point dry, to tell a bad endpoint (`endpoint-fault`) from bad data. Stores nothing. */
  probe(destination: Pick<Destination, 'endpoint' | 'category'>, options: SendOptions): Promise<Verdict>;
  /** Asks what would be stored, and stores nothing. */
  dryRun(delivery: Delivery, echo: EchoFormat, options: SendOptions): Promise<DryRun>;
  ping(endpoint: string, options: SendOptions): Promise<Ping>;
  ntp(endpoint: string, options: SendOptions): Promise<Ntp>;
  /** Best effort, and to this machine only. Gives whether it was taken. */
  lastError(endpoint: string, input: string, content: string, options: SendOptions): Promise<boolean>;
  /** Closes all sockets at once; what is in flight is `unknown`. */
  close(): Promise<void>;
}

/** A thousand points with long strings, echoed as JSON. */
const MAX_ECHO_BYTES = 16 * 1024 * 1024;

export function createDataKitClient(options: DataKitClientOptions = {}): DataKitClient {
  const settings = { ...DEFAULTS, ...options };
  const transport = new Transport(settings);
  const sender = new Sender(transport, settings);
  return {
    async send(delivery, { signal, plain }) {
      return (await sender.attempt(delivery, { signal, plain })).verdict;
    },
    async probe(destination, { signal }) {
      const attempt = await sender.attempt(probeOf(destination), { signal, extra: DRY, knownGood: true });
      return attempt.verdict;
    },
    async dryRun(delivery, echo, { signal, plain }) {
      const extra = [...DRY, ['echo', echo] as const];
      const attempt = await sender.attempt(delivery, {
        signal,
        plain,
        extra,
        maxAnswerBytes: MAX_ECHO_BYTES,
      });
      return { verdict: attempt.verdict, echo: attempt.text };
    },
    ping: (endpoint, { signal }) => ping(transport, endpoint, signal),
    ntp: (endpoint, { signal }) => ntp(transport, endpoint, signal),
    lastError: (endpoint, input, content, { signal }) =>
      lastError(transport, endpoint, input, content, signal),
    close: () => transport.close(),
  };
}

/** Presence is all that counts: `dry=false` is dry, too. */
const DRY: Destination['query'] = [['dry', 'true']];

function probeOf({ endpoint, category }: Pick<Destination, 'endpoint' | 'category'>): Delivery {
  const body = `pythond_probe,source=pythond message="probe",value=1 ${BigInt(Date.now()) * 1_000_000n}`;
  return { endpoint, category, query: [], body, points: 1 };
}
