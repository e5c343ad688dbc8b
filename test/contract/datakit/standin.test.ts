import { Agent, request } from 'node:http';
import { type Standin, startStandin } from '@pythond/datakit-standin';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { requestBody, type Vector, vectors } from './vectors.ts';

interface Answered {
  readonly status: number;
  readonly acknowledged: boolean;
  readonly body: Buffer;
}

const agent = new Agent({ keepAlive: true, maxSockets: 1 });
let standin: Standin;

beforeAll(async () => {
  standin = await startStandin();
});

afterAll(async () => {
  agent.destroy();
  await standin.close();
});

function send(vector: Vector): Promise<Answered> {
  const path = `${vector.path ?? `/v1/write/${vector.category}`}${vector.query === '' ? '' : `?${vector.query}`}`;
  const headers: Record<string, string> = { ...vector.headers };
  if (vector.contentType !== '') headers['Content-Type'] = vector.contentType;
  const body = requestBody(vector);
  if (body !== null) headers['Content-Length'] = String(body.length);
  return new Promise((resolve, reject) => {
    const call = request(
      `${standin.url}${path}`,
      { agent, method: vector.method ?? 'POST', headers },
      (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('error', reject);
        response.on('end', () => {
          const acknowledged = response.headers['x-datakit'] !== undefined;
          resolve({ status: response.statusCode ?? 0, acknowledged, body: Buffer.concat(chunks) });
        });
      },
    );
    call.on('error', reject);
    call.end(body ?? undefined);
  });
}

/** Node before 22.15 has no zstd: such a body is accepted unseen. */
const unseen = process.versions.node.localeCompare('22.15.0', undefined, { numeric: true }) < 0;

/** Which parts of an answer differ from one time to the next, or are the server's own. */
function isComparable(vector: Vector): boolean {
  if (vector.unstable === true || ['json-tags-257', 'route-ping', 'route-ntp'].includes(vector.id))
    return false;
  return !(unseen && vector.id.startsWith('enc-zstd'));
}

/** The answer without what varies: the order of fields and warnings, times near now, the words about bad JSON. */
function comparable(text: string): unknown {
  const timeless = text.replace(/(?<!\d)\d{19}(?!\d)/g, (digits) => {
    return Math.abs(Number(digits) / 1e6 - Date.now()) < 172_800_000 ? '<NOW>' : digits;
  });
  try {
    return sorted(JSON.parse(timeless));
  } catch {
    return timeless;
  }
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([key]) => !(key === 'message' && JSON.stringify(value).includes('invalidJsonPoint')))
      .map(([key, member]) => [
        key,
        ['fields', 'warns'].includes(key) ? inOrder(sorted(member)) : sorted(member),
      ]),
  );
}

function inOrder(value: unknown): unknown {
  return Array.isArray(value) ? value.map((item) => JSON.stringify(item)).sort() : value;
}

describe('the stand-in answers each recorded request as DataKit did', () => {
  test.each(vectors.map((vector) => [vector.id, vector] as const))('%s', async (_id, vector) => {
    const { status, acknowledged, body } = await send(vector);
    expect({ status, acknowledged }).toEqual({ status: vector.status, acknowledged: vector.ackHeader });
    // An answer that is not UTF-8 comes back as base64, as it was recorded.
    if (isComparable(vector)) {
      const text = body.toString('utf8');
      const isText = Buffer.from(text, 'utf8').equals(body);
      expect(comparable(isText ? text : `b64:${body.toString('base64')}`)).toEqual(
        comparable(vector.response),
      );
    } else {
      expect(status === 200 || body.length > 0).toBe(true);
    }
  });
});

test('all 610 vectors were sent, and none of them was stored: they are dry', () => {
  const writes = vectors.filter((vector) => vector.path === undefined && vector.status !== 307);
  expect(vectors).toHaveLength(610);
  expect(standin.received.requests).toBe(writes.length);
  expect(standin.received.points).toBe(0);
  expect(standin.lastErrors().map((error) => error.content)).toEqual(['test error']);
});
