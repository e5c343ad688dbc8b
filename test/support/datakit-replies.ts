/** An answer in a DataKit's place. */
export interface Reply {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** Without the header by which DataKit owns its answers. */
  readonly disowned?: boolean;
  /** The points are stored all the same. */
  readonly stored?: boolean;
}

const TEXT = { 'Content-Type': 'text/plain' };

const refusal = (status: number, code: string, message?: string): Reply => ({
  status,
  headers: { 'Content-Type': 'application/json' },
  body: JSON.stringify({ error_code: `datakit.${code}`, ...(message === undefined ? {} : { message }) }),
});

/**
 * What DataKit, or something on the way to it, may answer. `test/contract/datakit` compares with the recordings what
 * was recorded of it.
 */
export const replies = {
  /** A recovered panic: success, but for the header; the batch is lost. */
  panicked: { status: 200, disowned: true },
  rejected: refusal(400, 'invalidLinePoint', 'unable to parse this one'),
  damaged: refusal(400, 'decodeBodyFailed'),
  noCategory: refusal(400, 'invalidCategory', 'invalid URL "/v1/write/metric"'),
  /** Plain HTTP to the port of TLS. */
  notTls: {
    status: 400,
    disowned: true,
    headers: TEXT,
    body: 'Client sent an HTTP request to an HTTPS server.\n',
  },
  notPublic: refusal(403, 'publicAccessDisabled', 'api disabled from external IP'),
  notFound: { status: 404, body: '<!doctype html>' },
  /** A slash too many. */
  redirect: { status: 307, disowned: true, headers: { Location: 'http://127.0.0.1:1/v1/write/metric' } },
  /** The body stalled for 30 s; the points were delivered all the same. */
  stalled: { status: 408, disowned: true, headers: TEXT, body: 'timeout(30s)', stored: true },
  /** DataKit has no such limit; a proxy in front of it may. */
  tooLarge: { status: 413, disowned: true, headers: TEXT, body: '413 Request Entity Too Large' },
  throttled: refusal(429, 'reachMaxAPILimit'),
  throttledFor: (seconds: number): Reply => ({
    ...refusal(429, 'reachMaxAPILimit'),
    headers: { 'Retry-After': String(seconds) },
  }),
  failed: (status: number): Reply => ({ status, disowned: true, headers: TEXT, body: 'later' }),
} satisfies Readonly<Record<string, Reply | ((given: number) => Reply)>>;
