import { describe, expect, it } from 'vitest';
import { MAX_KEPT_ANSWER } from './answer.ts';
import { dependsOnServer, judge, type Verdict } from './verdict.ts';

const OWNED = { 'x-datakit': '1.84.1' };
const error = (code: string) => `{"error_code":"datakit.${code}","message":"..."}`;

interface Row {
  readonly status: number;
  /** Whether this answer carries the acceptance header. */
  readonly owned: boolean;
  readonly body: string;
  readonly shows: Verdict['kind'];
  /** From a server that never shows the header; absent: the same. */
  readonly shy?: Verdict['kind'];
}

const row = (
  status: number,
  owned: boolean,
  body: string,
  shows: Verdict['kind'],
  shy: Verdict['kind'] = shows,
): Row => ({ status, owned, body, shows, shy });

const TABLE: readonly Row[] = [
  row(200, true, '', 'accepted'),
  row(204, true, '', 'accepted'),
  row(200, false, '', 'suspect', 'accepted'),
  row(204, false, '', 'suspect', 'accepted'),
  row(400, true, error('invalidLinePoint'), 'rejected'),
  row(400, true, error('invalidJsonPoint'), 'rejected'),
  row(400, true, error('invalidProtobufPoint'), 'rejected'),
  row(400, true, error('pointGotWarning'), 'rejected'),
  row(400, true, '{"error_code":"invalidLinePoint"}', 'rejected'),
  row(400, false, error('invalidLinePoint'), 'endpoint-fault', 'rejected'),
  row(400, true, error('emptyBody'), 'our-bug'),
  row(400, true, error('noPoints'), 'our-bug'),
  row(400, false, error('noPoints'), 'endpoint-fault', 'our-bug'),
  row(400, true, error('decodeBodyFailed'), 'damaged'),
  row(400, false, error('decodeBodyFailed'), 'endpoint-fault', 'damaged'),
  row(400, true, error('invalidCategory'), 'endpoint-fault'),
  row(400, true, error('somethingNewer'), 'suspect'),
  row(400, true, 'not JSON', 'suspect'),
  row(400, false, 'Client sent an HTTP request to an HTTPS server.', 'endpoint-fault'),
  row(401, false, '', 'endpoint-fault'),
  row(403, true, error('publicAccessDisabled'), 'endpoint-fault'),
  row(403, false, '', 'endpoint-fault'),
  row(404, true, '<!doctype html>', 'endpoint-fault'),
  row(404, false, '', 'endpoint-fault'),
  row(405, true, '', 'endpoint-fault'),
  row(422, true, '', 'suspect'),
  row(301, false, '', 'endpoint-fault'),
  row(307, false, '', 'endpoint-fault'),
  row(307, true, '', 'endpoint-fault'),
  row(408, false, 'timeout(30s)', 'unknown'),
  row(413, true, '', 'too-large'),
  row(413, false, '<html>', 'too-large'),
  row(429, true, error('reachMaxAPILimit'), 'throttled'),
  row(429, false, '', 'throttled'),
  row(500, true, '{"error_code":"unexpectedEOF"}', 'unknown'),
  row(500, false, '', 'unknown'),
  row(502, false, '<html>', 'unknown'),
  row(503, false, '', 'unknown'),
  row(504, true, '', 'unknown'),
];

const headersOf = ({ owned }: Row) => (owned ? OWNED : {});

describe('judge', () => {
  it.each(TABLE)('takes $status, header $owned, $body for $shows where the header is shown', (given) => {
    expect(judge(given.status, headersOf(given), given.body, true).kind).toBe(given.shows);
  });

  it.each(TABLE)('takes $status, header $owned, $body for $shy where no header is shown', (given) => {
    expect(judge(given.status, headersOf(given), given.body, false).kind).toBe(given.shy);
  });

  it.each(TABLE)('depends on the server for $status, header $owned, $body only where it says so', (given) => {
    if (given.shows !== given.shy) expect(dependsOnServer(given.status, headersOf(given))).toBe(true);
  });

  it('blames the route alone for a category that this DataKit does not have', () => {
    expect(judge(400, OWNED, error('invalidCategory'), true)).toMatchObject({ scope: 'route' });
    expect(judge(403, OWNED, error('publicAccessDisabled'), true)).toMatchObject({ scope: 'endpoint' });
  });

  it('reads the code of a refusal that was cut, and never from the points that it quotes', () => {
    const quoting =
      '{"error_code":"datakit.invalidLinePoint","message":"Origin data: \\"{\\"error_code\\":\\"noPoints';
    expect(judge(400, OWNED, quoting, true)).toMatchObject({
      kind: 'rejected',
      answer: { code: 'invalidLinePoint' },
    });
    expect(judge(400, OWNED, 'x {"error_code":"datakit.noPoints"}', true)).toMatchObject({
      answer: { code: null },
    });
  });

  it('keeps the answer, within bounds', () => {
    const verdict = judge(413, {}, 'x'.repeat(100_000), true);
    expect(verdict).toMatchObject({ answer: { status: 413, body: 'x'.repeat(MAX_KEPT_ANSWER) } });
  });

  it('passes on a Retry-After in seconds, and no other', () => {
    expect(judge(429, { 'retry-after': '7' }, '', true)).toMatchObject({ afterMs: 7000 });
    expect(judge(429, { 'retry-after': 'Wed, 21 Oct 2015 07:28:00 GMT' }, '', true)).toMatchObject({
      afterMs: null,
    });
    expect(judge(429, {}, '', true)).toMatchObject({ afterMs: null });
  });

  it('says what it was that does not count', () => {
    const verdict = judge(503, {}, '<h1>Service\n Unavailable</h1>', true);
    expect(verdict).toMatchObject({
      cause: {
        code: 'server-error',
        message: 'no answer that counts: 503 <h1>Service Unavailable</h1>',
        answer: { status: 503 },
      },
    });
  });
});
