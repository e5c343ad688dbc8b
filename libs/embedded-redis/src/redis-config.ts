/** What the server is told, in its own configuration language; every line is known to Redis 6.2 and Valkey 7.2. */
export interface RedisConfig {
  readonly socketPath: string;
  readonly dataDir: string;
  readonly password: string;
}

/**
 * `hz 100`: with the default of 10 delayed jobs are 40 ms late at the median. `save ""`: the append-only file holds
 * everything and is what is loaded, so a snapshot would only cost a fork. `noeviction`: a queue that loses keys is no
 * queue.
 */
export function redisConfig({ socketPath, dataDir, password }: RedisConfig): string {
  return [
    '# Written anew at every start.',
    'port 0',
    `unixsocket ${quoted(socketPath)}`,
    'unixsocketperm 600',
    `requirepass ${quoted(password)}`,
    `dir ${quoted(dataDir)}`,
    'daemonize no',
    'appendonly yes',
    'appendfsync everysec',
    'save ""',
    'maxmemory-policy noeviction',
    'hz 100',
    'loglevel notice',
    'always-show-logo no',
    '',
  ].join('\n');
}

/** A word in double quotes, as redis.conf takes it. */
function quoted(word: string): string {
  const escaped = [...Buffer.from(word, 'utf8')].map((byte) => {
    const char = String.fromCharCode(byte);
    if (char === '"' || char === '\\') return `\\${char}`;
    return byte >= 0x20 && byte < 0x7f ? char : `\\x${byte.toString(16).padStart(2, '0')}`;
  });
  return `"${escaped.join('')}"`;
}
