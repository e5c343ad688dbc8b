import { gunzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { encodeBody } from './encoding.ts';

const options = { gzipAboveBytes: 1024, gzipLevel: 1 };

describe('encodeBody', () => {
  it('leaves a body of up to 1 KiB alone', async () => {
    const { body, headers } = await encodeBody({ body: 'x'.repeat(1024) }, false, options);
    expect(body.toString()).toBe('x'.repeat(1024));
    expect(headers).toEqual({ 'content-type': 'application/line-protocol' });
  });

  it.each([1025, 16 * 1024, 16 * 1024 + 1, 1024 * 1024])('compresses %i bytes', async (length) => {
    const { body, headers } = await encodeBody({ body: Buffer.alloc(length, 'y') }, false, options);
    expect(gunzipSync(body).equals(Buffer.alloc(length, 'y'))).toBe(true);
    expect(headers).toEqual({ 'content-type': 'application/line-protocol', 'content-encoding': 'gzip' });
  });

  it('measures bytes, not characters', async () => {
    const { headers } = await encodeBody({ body: 'é'.repeat(600) }, false, options);
    expect(headers['content-encoding']).toBe('gzip');
  });

  it('compresses nothing when told not to', async () => {
    const { body, headers } = await encodeBody({ body: 'x'.repeat(5000) }, true, options);
    expect(body).toHaveLength(5000);
    expect(headers['content-encoding']).toBeUndefined();
  });

  it('names the form of the points, exactly as DataKit wants it', async () => {
    const { headers } = await encodeBody({ body: '[]', form: 'json' }, false, options);
    expect(headers).toEqual({ 'content-type': 'application/json' });
  });
});
