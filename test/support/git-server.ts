import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';

/** A bare repository with a work tree to commit from, and git's own server over http on loopback. */
export interface TestGit {
  /** Of the repository, without user and password. */
  readonly url: string;
  /** The bare repository on the disk. */
  readonly bare: string;
  readonly work: string;
  /** How many requests the server has answered. */
  readonly requests: () => number;
  /** Writes files (null removes one), commits all and pushes. Gives the commit. */
  commit(files: Readonly<Record<string, string | null>>, message?: string): Promise<string>;
  /** Any git command in the work tree. */
  git(...args: string[]): string;
  /** What is in the index and in the work tree, as one more commit. */
  push(message?: string): string;
  /** From now on nobody listens; {@link listen} comes back at the same port. */
  close(): Promise<void>;
  listen(): Promise<void>;
  remove(): Promise<void>;
}

export interface TestGitOptions {
  readonly name?: string;
  /** What a client has to give, as `user:password`. */
  readonly credentials?: string;
  /** https with this key and certificate, in PEM. */
  readonly tls?: { readonly key: string; readonly cert: string };
}

const environment = {
  PATH: process.env['PATH'],
  GIT_CONFIG_NOSYSTEM: '1',
  GIT_CONFIG_GLOBAL: '/dev/null',
  GIT_AUTHOR_NAME: 'Test',
  GIT_AUTHOR_EMAIL: 'test@example.com',
  GIT_COMMITTER_NAME: 'Test',
  GIT_COMMITTER_EMAIL: 'test@example.com',
};

export async function startTestGit(options: TestGitOptions = {}): Promise<TestGit> {
  const { name = 'shop', credentials, tls } = options;
  const dir = await mkdtemp(path.join(tmpdir(), 'pythond-git-'));
  const bare = path.join(dir, `${name}.git`);
  const work = path.join(dir, 'work');
  const run = (cwd: string, ...args: string[]) =>
    execFileSync('git', args, { cwd, env: environment, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
  run(dir, 'init', '--bare', '--quiet', '--initial-branch=master', bare);
  run(dir, 'init', '--quiet', '--initial-branch=master', work);
  const git = (...args: string[]) => run(work, ...args);
  const push = (message = 'a change') => {
    git('commit', '--quiet', '--allow-empty', '-m', message);
    git('push', '--quiet', '--force', bare, 'HEAD:refs/heads/master');
    return git('rev-parse', 'HEAD').trim();
  };
  const server = new GitServer(dir, credentials, tls);
  await server.listen();
  return {
    url: `${tls ? 'https' : 'http'}://127.0.0.1:${server.port}/${name}.git`,
    ...{ bare, work, git, push },
    requests: () => server.requests,
    commit: async (files, message) => {
      for (const [file, text] of Object.entries(files)) {
        const target = path.join(work, file);
        await mkdir(path.dirname(target), { recursive: true });
        if (text === null) await rm(target);
        else await writeFile(target, text);
      }
      git('add', '--all');
      return push(message);
    },
    close: () => server.close(),
    listen: () => server.listen(),
    remove: async () => {
      await server.close();
      await rm(dir, { recursive: true, force: true });
    },
  };
}

/** `git http-backend` behind Node's http server. */
class GitServer {
  readonly #root: string;
  readonly #wanted: string | null;
  readonly #tls: TestGitOptions['tls'];
  readonly #sockets = new Set<Socket>();
  #server: ReturnType<typeof createServer> | null = null;
  port = 0;
  requests = 0;

  constructor(root: string, credentials: string | undefined, tls: TestGitOptions['tls']) {
    this.#root = root;
    this.#tls = tls;
    this.#wanted = credentials === undefined ? null : `Basic ${Buffer.from(credentials).toString('base64')}`;
  }

  async listen(): Promise<void> {
    const answer = (request: IncomingMessage, response: ServerResponse) =>
      void this.#answer(request, response);
    const server = this.#tls ? createTlsServer(this.#tls, answer) : createServer(answer);
    server.on('connection', (socket) => {
      this.#sockets.add(socket);
      socket.on('close', () => this.#sockets.delete(socket));
    });
    server.listen(this.port, '127.0.0.1');
    await once(server, 'listening');
    this.port = (server.address() as AddressInfo).port;
    this.#server = server;
  }

  async close(): Promise<void> {
    const server = this.#server;
    this.#server = null;
    if (!server) return;
    const closed = once(server, 'close');
    server.close();
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    this.requests += 1;
    if (this.#wanted !== null && request.headers.authorization !== this.#wanted) {
      response.writeHead(401, { 'www-authenticate': 'Basic realm="git"' }).end();
      return;
    }
    const url = new URL(request.url ?? '/', 'http://localhost');
    const cgi = spawn('git', ['http-backend'], {
      env: {
        ...environment,
        GIT_PROJECT_ROOT: this.#root,
        GIT_HTTP_EXPORT_ALL: '1',
        PATH_INFO: decodeURIComponent(url.pathname),
        QUERY_STRING: url.search.slice(1),
        REQUEST_METHOD: request.method ?? 'GET',
        CONTENT_TYPE: request.headers['content-type'] ?? '',
        HTTP_CONTENT_ENCODING: request.headers['content-encoding'] ?? '',
        HTTP_GIT_PROTOCOL: String(request.headers['git-protocol'] ?? ''),
        REMOTE_ADDR: '127.0.0.1',
      },
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    cgi.stdin.on('error', () => undefined); // it may end before it has read everything
    request.pipe(cgi.stdin);
    const chunks: Buffer[] = [];
    for await (const chunk of cgi.stdout) chunks.push(chunk as Buffer);
    const output = Buffer.concat(chunks);
    const end = output.indexOf('\r\n\r\n');
    const headers = output
      .subarray(0, end)
      .toString('latin1')
      .split('\r\n')
      .map((line) => line.split(': ') as [string, string]);
    const status = headers.find(([header]) => header === 'Status')?.[1] ?? '200';
    for (const [header, value] of headers) if (header !== 'Status') response.setHeader(header, value);
    response.writeHead(Number(status.slice(0, 3))).end(output.subarray(end + 4));
  }
}
