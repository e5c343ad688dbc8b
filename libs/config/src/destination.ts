import { bad, good, type Reader } from './reading.ts';

/** The port of a script that names none, as in DataKit's own framework. */
const DATAKIT_PORT = 9529;

const DESTINATION = /^(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9](?:[A-Za-z0-9._-]{0,252}))(?::(\d{1,5}|\*))?$/;

/**
 * Reads one entry of `destinations` to `host:port` or `host:*`. A host alone means DataKit's own port, 9529, which
 * is also what a script gets that names an ip and no port.
 */
export const readDestination: Reader<string> = (value) => {
  const [, host, port = String(DATAKIT_PORT)] =
    (typeof value === 'string' ? DESTINATION.exec(value) : null) ?? [];
  const valid = port === '*' || (Number(port) >= 1 && Number(port) <= 65_535);
  if (host === undefined || !valid) {
    return bad('must be "host", "host:port" or "host:*"', 'write "10.0.0.5:9529"');
  }
  return good(`${host.toLowerCase()}:${port === '*' ? '*' : Number(port)}`);
};
