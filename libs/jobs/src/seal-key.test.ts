import { generateKeyPairSync } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { holdsPrivateKey, makeKeyFiles, readSealingKey, readTrustedKey } from './seal-key.ts';

describe('a pair of key files', () => {
  const files = makeKeyFiles();

  it('is of two texts that name the same key', () => {
    expect(readSealingKey(files.privateText)?.id).toBe(files.id);
    expect(readTrustedKey(files.publicText)?.id).toBe(files.id);
    expect(files.id).toMatch(/^[0-9a-f]{16}$/);
    expect(makeKeyFiles().id).not.toBe(files.id);
  });

  it('is not mistaken one for the other: a private key is none that a worker should have', () => {
    expect(readSealingKey(files.publicText)).toBeNull();
    expect(readTrustedKey(files.privateText)).toBeNull();
    expect(holdsPrivateKey(files.privateText)).toBe(true);
    expect(holdsPrivateKey(files.publicText)).toBe(false);
  });

  it('is of ed25519 and nothing else', () => {
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    expect(readSealingKey(privateKey.export({ type: 'pkcs8', format: 'pem' }).toString())).toBeNull();
    expect(readTrustedKey(publicKey.export({ type: 'spki', format: 'pem' }).toString())).toBeNull();
    expect(readSealingKey('')).toBeNull();
    expect(readTrustedKey('-----BEGIN PUBLIC KEY-----\nnonsense\n-----END PUBLIC KEY-----\n')).toBeNull();
  });
});
