import { connect, type Socket } from 'node:net';

/** A reply of the server: only the kinds that our few commands have. */
export type Reply =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'error'; readonly text: string }
  | { readonly kind: 'list'; readonly items: readonly Reply[] };

/** The bytes of a command, as an array of bulk strings. */
export function encodeCommand(words: readonly string[]): string {
  return `*${words.length}\r\n${words.map((word) => `$${Buffer.byteLength(word)}\r\n${word}\r\n`).join('')}`;
}

/** Takes the whole replies from the front of what has come so far. */
export function parseReplies(received: Buffer): Reply[] {
  const replies: Reply[] = [];
  for (let at = 0; ; ) {
    const parsed = parseReply(received, at);
    if (parsed === null) return replies;
    replies.push(parsed.reply);
    at = parsed.next;
  }
}

function parseReply(received: Buffer, at: number): { reply: Reply; next: number } | null {
  const end = received.indexOf('\r\n', at);
  if (end < 0) return null;
  const line = received.toString('utf8', at + 1, end);
  const next = end + 2;
  switch (received.toString('latin1', at, at + 1)) {
    case '$':
      return parseBulk(received, next, Number(line));
    case '*':
      return parseList(received, next, Number(line));
    case '-':
      return { reply: { kind: 'error', text: line }, next };
    default:
      return { reply: { kind: 'text', text: line }, next };
  }
}

function parseBulk(received: Buffer, at: number, length: number) {
  if (length < 0) return { reply: { kind: 'text', text: '' } as const, next: at };
  const next = at + length + 2;
  if (received.length < next) return null;
  return { reply: { kind: 'text', text: received.toString('utf8', at, next - 2) } as const, next };
}

function parseList(received: Buffer, at: number, length: number) {
  const items: Reply[] = [];
  let next = at;
  while (items.length < length) {
    const parsed = parseReply(received, next);
    if (parsed === null) return null;
    items.push(parsed.reply);
    next = parsed.next;
  }
  return { reply: { kind: 'list', items } as const, next };
}

/**
 * Sends commands over a unix socket and gives their replies (without a command, the first thing that is said); fewer
 * when the server closes the connection or `timeoutMs` is over. System errors (ENOENT, ECONNREFUSED: nobody listens) are thrown.
 */
export function ask(
  socketPath: string,
  commands: readonly (readonly string[])[],
  timeoutMs: number,
): Promise<Reply[]> {
  return new Promise((resolve, reject) => {
    const socket: Socket = connect(socketPath);
    let received = Buffer.alloc(0);
    const finish = () => {
      socket.destroy();
      resolve(parseReplies(received));
    };
    socket.setTimeout(timeoutMs, finish);
    socket.once('error', (error: NodeJS.ErrnoException) => {
      // A server that goes down in mid-reply is one that closed.
      if (error.code === 'ECONNRESET' || error.code === 'EPIPE') finish();
      else reject(error);
    });
    socket.once('close', finish);
    socket.on('data', (chunk) => {
      received = Buffer.concat([received, chunk]);
      if (parseReplies(received).length >= Math.max(1, commands.length)) finish();
    });
    if (commands.length > 0) socket.write(commands.map(encodeCommand).join(''));
  });
}
