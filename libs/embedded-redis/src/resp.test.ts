import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, it, onTestFinished } from 'vitest';
import { ask, encodeCommand, parseReplies, type Reply } from './resp.ts';

it('counts the bytes of a word, not its characters', () => {
  expect(encodeCommand(['PING', 'né'])).toBe('*2\r\n$4\r\nPING\r\n$3\r\nné\r\n');
});

it('reads any replies, and none of a reply that has not come whole', () => {
  const line = fc.stringMatching(/^[ -~]{0,30}$/);
  type Sample = { readonly bytes: string; readonly reply: Reply };
  const { reply } = fc.letrec<{ reply: Sample }>((tie) => ({
    reply: fc.oneof(
      { depthSize: 'small' },
      line.map((text): Sample => ({ bytes: `+${text}\r\n`, reply: { kind: 'text', text } })),
      line.map((text): Sample => ({ bytes: `-${text}\r\n`, reply: { kind: 'error', text } })),
      fc.string({ unit: 'grapheme' }).map(
        (text): Sample => ({
          bytes: `$${Buffer.byteLength(text)}\r\n${text}\r\n`,
          reply: { kind: 'text', text },
        }),
      ),
      fc.array(tie('reply'), { maxLength: 3 }).map(
        (items): Sample => ({
          bytes: `*${items.length}\r\n${items.map((item) => item.bytes).join('')}`,
          reply: { kind: 'list', items: items.map((item) => item.reply) },
        }),
      ),
    ),
  }));
  fc.assert(
    fc.property(fc.array(reply, { maxLength: 5 }), fc.nat(), (replies, cut) => {
      const bytes = Buffer.from(replies.map((one) => one.bytes).join(''));
      const expected = replies.map((one) => one.reply);
      expect(parseReplies(bytes)).toEqual(expected);
      const part = parseReplies(bytes.subarray(0, cut % (bytes.length + 1)));
      expect(part).toEqual(expected.slice(0, part.length));
    }),
  );
});

async function socketOf(answer: string | null): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'redis-test-'));
  const path = join(folder, 's');
  const server = createServer((socket) => {
    if (answer === null) socket.resume();
    else socket.end(answer);
  }).listen(path);
  await new Promise((resolve) => server.once('listening', resolve));
  onTestFinished(async () => {
    server.close();
    await rm(folder, { recursive: true });
  });
  return path;
}

it('gives what came when the server closes early', async () => {
  expect(await ask(await socketOf('+OK\r\n$5\r\nhal'), [['A'], ['B']], 5000)).toEqual([
    { kind: 'text', text: 'OK' },
  ]);
});

it('gives up on a server that says nothing', async () => {
  expect(await ask(await socketOf(null), [['PING']], 20)).toEqual([]);
});

it('throws where nobody listens', async () => {
  await expect(ask('/nonexistent/socket', [['PING']], 20)).rejects.toMatchObject({ code: 'ENOENT' });
});
