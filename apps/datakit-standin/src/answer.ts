import type { ServerResponse } from 'node:http';

/** An answer, before it is written. `recognised` is false where DataKit's own header is missing. */
export interface Answer {
  readonly status: number;
  readonly body: Buffer;
  readonly contentType?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly recognised: boolean;
}

export const VERSION = '1.84.1-standin';

export function ok(body: Buffer = Buffer.alloc(0), contentType?: string): Answer {
  return { status: 200, body, recognised: true, ...(contentType === undefined ? {} : { contentType }) };
}

export function okJson(value: unknown): Answer {
  return ok(Buffer.from(JSON.stringify(value)), 'application/json');
}

/** An error in DataKit's form; an empty message is left out. */
export function failure(status: number, code: string, message = ''): Answer {
  const body = message === '' ? { error_code: code } : { error_code: code, message };
  return {
    status,
    body: Buffer.from(JSON.stringify(body)),
    contentType: 'application/json',
    recognised: true,
  };
}

/** What a recovered panic looks like: success, but for the missing header. The batch is lost. */
export const lost: Answer = { status: 200, body: Buffer.alloc(0), recognised: false };

/** What a proxy before DataKit would answer. */
export const tooLarge: Answer = {
  status: 413,
  body: Buffer.from('the stand-in takes no larger body\n'),
  contentType: 'text/plain',
  headers: { Connection: 'close' },
  recognised: false,
};

export const notFound: Answer = {
  status: 404,
  body: Buffer.from(
    `<!doctype html>\n<html><head><title>DataKit stand-in</title></head>\n<body><pre>Version: ${VERSION}</pre></body></html>\n`,
  ),
  contentType: 'text/html',
  recognised: true,
};

/** gin redirects a path with a slash too many before anything of DataKit's own is reached. */
export function redirect(method: string, location: string): Answer {
  const status = method === 'GET' ? 301 : 307;
  return { status, body: Buffer.alloc(0), headers: { Location: location }, recognised: false };
}

export function send(response: ServerResponse, answer: Answer, host: string): void {
  const headers: Record<string, string | number> = {
    'Content-Length': answer.body.length,
    ...answer.headers,
  };
  if (answer.contentType !== undefined) headers['Content-Type'] = answer.contentType;
  if (answer.recognised) headers['X-DataKit'] = `${VERSION}/${host}`;
  response.writeHead(answer.status, headers);
  response.end(answer.body);
}
