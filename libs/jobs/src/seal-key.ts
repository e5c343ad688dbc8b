import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
} from 'node:crypto';

/** A key that records are believed by. */
export interface TrustedKey {
  /** The first 16 hex digits of the SHA-256 of the public key: for people, and to find the key of a seal. */
  readonly id: string;
  readonly publicKey: KeyObject;
}

/** A key that records are sealed with. */
export interface SealingKey extends TrustedKey {
  readonly privateKey: KeyObject;
}

/** A new pair of ed25519 keys, as the files hold them. */
export interface KeyFiles {
  readonly id: string;
  /** PKCS #8, PEM. */
  readonly privateText: string;
  /** SPKI, PEM. */
  readonly publicText: string;
}

export function makeKeyFiles(): KeyFiles {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  return {
    id: idOf(publicKey),
    privateText: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    publicText: publicKey.export({ type: 'spki', format: 'pem' }).toString(),
  };
}

/** The key in the text of a private key file; null: it holds no private ed25519 key without a pass phrase. */
export function readSealingKey(text: string): SealingKey | null {
  const privateKey = orNull(() => createPrivateKey(text));
  if (privateKey?.asymmetricKeyType !== 'ed25519') return null;
  const publicKey = createPublicKey(privateKey);
  return { id: idOf(publicKey), publicKey, privateKey };
}

/** The key in the text of a public key file; null: it holds none, or a private one, which has no business there. */
export function readTrustedKey(text: string): TrustedKey | null {
  if (holdsPrivateKey(text)) return null;
  const publicKey = orNull(() => createPublicKey(text));
  return publicKey?.asymmetricKeyType === 'ed25519' ? { id: idOf(publicKey), publicKey } : null;
}

export function holdsPrivateKey(text: string): boolean {
  return text.includes('PRIVATE KEY');
}

function idOf(publicKey: KeyObject): string {
  const der = publicKey.export({ type: 'spki', format: 'der' });
  return createHash('sha256').update(der).digest('hex').slice(0, 16);
}

function orNull(read: () => KeyObject): KeyObject | null {
  try {
    return read();
  } catch {
    return null; // what is wrong with it, its reader says in words of its own
  }
}
