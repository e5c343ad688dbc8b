import { QueueError, type QueueErrorCode } from './errors.ts';
import { describeTarget, type RedisTarget } from './redis-target.ts';
import { parseRedisUrl } from './redis-url.ts';

interface Explanation {
  readonly of: RegExp;
  /** Only with TLS, or only without it. */
  readonly tls?: boolean;
  readonly code: QueueErrorCode;
  readonly text: (where: string, why: string) => string;
}

/** By the error's code and message; the first that fits. */
const explanations: readonly Explanation[] = [
  {
    of: /sentinels? .*(WRONGPASS|NOAUTH|NOPERM)/i,
    code: 'redis-refused',
    text: (where, why) =>
      `A Sentinel refused the login on the way to ${where} (${why}). Check the file that PYTHOND_REDIS_SENTINEL_PASSWORD_FILE names; the password in REDIS_URL is the Redis's.`,
  },
  {
    of: /WRONGPASS|NOAUTH|invalid password|NOPERM/i,
    code: 'redis-refused',
    text: (where, why) =>
      `Redis at ${where} refused the login (${why}). Check the user and password in REDIS_URL or the file that PYTHOND_REDIS_PASSWORD_FILE names.`,
  },
  {
    of: /CERT_HAS_EXPIRED/,
    code: 'redis-tls',
    text: (where) =>
      `The certificate of the Redis at ${where} has expired. Give the Redis a new one; where it is new, correct this machine's clock.`,
  },
  {
    of: /CERT_NOT_YET_VALID/,
    code: 'redis-tls',
    text: (where) =>
      `The certificate of the Redis at ${where} is not valid yet. Correct this machine's clock, or give the Redis another one.`,
  },
  {
    of: /ALTNAME_INVALID/,
    code: 'redis-tls',
    text: (where, why) =>
      `The certificate of the Redis at ${where} is for another host (${why}). Write the host in REDIS_URL as the certificate names it, or give the Redis one that names this host.`,
  },
  {
    of: /SELF_SIGNED|UNABLE_TO_VERIFY|UNABLE_TO_GET_ISSUER|CERT_SIGNATURE_FAILURE|CERT_UNTRUSTED/,
    code: 'redis-tls',
    text: (where, why) =>
      `The certificate of the Redis at ${where} is signed by nobody whom this machine trusts (${why}). Name the file with the certificate of who signed it in PYTHOND_REDIS_CA_FILE (redis_ca_file in pythond.toml).`,
  },
  {
    of: /ALERT_(CERTIFICATE_REQUIRED|UNKNOWN_CA|BAD_CERTIFICATE|CERTIFICATE_UNKNOWN|CERTIFICATE_EXPIRED|HANDSHAKE_FAILURE)/i,
    code: 'redis-tls',
    text: (where, why) =>
      `Redis at ${where} wants another client certificate than it got (${why}). Name one that its CA has signed in PYTHOND_REDIS_CERT_FILE, and its key in PYTHOND_REDIS_KEY_FILE.`,
  },
  {
    of: /ERR_OSSL|ERR_SSL_(?!.*ALERT)(?!WRONG_VERSION|PACKET)/,
    code: 'redis-tls',
    text: (where, why) =>
      `TLS with the Redis at ${where} can't be set up (${why}). Check the files that PYTHOND_REDIS_CA_FILE, PYTHOND_REDIS_CERT_FILE and PYTHOND_REDIS_KEY_FILE name: PEM, and the key the certificate's.`,
  },
  {
    of: /WRONG_VERSION_NUMBER|PACKET_LENGTH|before secure TLS connection/,
    code: 'redis-tls',
    text: (where, why) =>
      `What listens at ${where} does not speak TLS (${why}). Write redis:// in REDIS_URL, or the port where that Redis listens for TLS.`,
  },
  {
    // The server's alert is lost where it closes before this side has read it.
    of: /ECONNRESET|EPIPE|Connection is closed/,
    tls: true,
    code: 'redis-tls',
    text: (where, why) =>
      `Redis at ${where} ended the connection in the midst of setting up TLS (${why}). Where it asks for a client certificate, name one that its CA has signed in PYTHOND_REDIS_CERT_FILE, and its key in PYTHOND_REDIS_KEY_FILE; where it does not speak TLS, write redis:// in REDIS_URL.`,
  },
  {
    of: /ECONNRESET|EPIPE|Connection is closed/,
    tls: false,
    code: 'redis-unreachable',
    text: (where, why) =>
      `What listens at ${where} ended the connection (${why}). Where it speaks TLS, write rediss:// in REDIS_URL; else look at its log.`,
  },
  {
    of: /ETIMEDOUT/,
    tls: true,
    code: 'redis-unreachable',
    text: (where, why) =>
      `Nothing at ${where} answers to TLS (${why}). Where that Redis does not speak TLS, write redis:// in REDIS_URL; else look whether it runs, and whether this machine may reach it.`,
  },
  {
    of: /cluster support disabled/,
    code: 'redis-kind',
    text: (where) => `Redis at ${where} is no node of a Redis Cluster; write REDIS_URL as redis://host:6379.`,
  },
  {
    of: /No such master|invalid reply: null/,
    code: 'redis-kind',
    text: (where) =>
      `There is no ${where}: they know no Redis of that name. Write the name that is in their \`sentinel monitor\` after the hosts in REDIS_URL.`,
  },
];

/** Why a Redis could not be used, in words that say what to do. */
export function explainRefusal(error: unknown, target: RedisTarget): QueueError {
  const where = describeTarget(target);
  const hasTls = parseRedisUrl(target.url).tls;
  const why = whyOf(error);
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  const known = explanations.find(
    ({ of, tls = hasTls }) => tls === hasTls && (of.test(code) || of.test(why)),
  );
  if (known) return new QueueError(known.code, known.text(where, why), { cause: error });
  return new QueueError(
    'redis-unreachable',
    `Redis at ${where} can't be reached (${why}). Start it, or correct REDIS_URL.`,
    { cause: error },
  );
}

/** Node says which host a certificate is not for; for which it is stands beside it. */
function whyOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const names = (error as { cert?: { subjectaltname?: string } }).cert?.subjectaltname;
  if (names && 'host' in error) return `it is for ${names}, not for ${error.host}`;
  // what OpenSSL says is a line with places in its source; the reason alone is for people
  return 'reason' in error && typeof error.reason === 'string' ? error.reason : error.message.trim();
}
