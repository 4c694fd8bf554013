import { createCipheriv, createDecipheriv, createPrivateKey, createPublicKey, hkdfSync, randomBytes, type KeyObject } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { HeadgateError, sha256 } from '../kernel/index.js';
import { makeHome, writeOnce } from './home.js';

/** An Ed25519 pair; `keyId` is the start of the hash of its public half. */
export interface SigningKey {
  readonly keyId: string;
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;
}

const KEY_ID_BYTES = 8;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/**
 * All keys of an installation, derived from one master key by HKDF-SHA-256 (RFC 5869), each under a label of its own:
 * processes that share the master key share all others, and there is one thing to keep safe.
 */
export class KeyRing {
  /** Names the master key and tells nothing of it: 16 hexadecimal digits. */
  readonly keyId: string;
  readonly #master: Buffer;

  constructor(master: Buffer) {
    this.#master = master;
    this.keyId = this.derive('key-id', KEY_ID_BYTES).toString('hex');
  }

  /**
   * The given key, or the one in `master.key` of the data directory, made on first use with mode 0600.
   * @throws HeadgateError UNAVAILABLE when the file is damaged: a new key would change every hash and token.
   */
  static async open(home: string, masterKey?: Buffer): Promise<KeyRing> {
    if (masterKey) return new KeyRing(masterKey);
    await makeHome(home);
    const file = join(home, 'master.key');
    await writeOnce(file, `${randomBytes(32).toString('base64')}\n`);
    const text = (await readFile(file, 'utf8')).trim();
    const key = Buffer.from(text, 'base64');
    // Node's decoder passes over what is not base64: only what encodes back to the same text is what was written.
    if (key.length !== 32 || key.toString('base64') !== text) {
      throw new HeadgateError(
        'UNAVAILABLE',
        `${file} should hold 32 bytes in base64, and does not. Put the right key back from a backup: with another one, hashed fields and tokens change.`,
        { file },
      );
    }
    return new KeyRing(key);
  }

  derive(label: string, bytes = 32): Buffer {
    return Buffer.from(hkdfSync('sha256', this.#master, Buffer.alloc(0), `headgate/${label}`, bytes));
  }

  signingKey(label: string): SigningKey {
    // RFC 8410: the fixed head of a PKCS #8 private key for Ed25519, followed by its 32-byte seed.
    const der = Buffer.concat([Buffer.from('302e020100300506032b657004220420', 'hex'), this.derive(label)]);
    const privateKey = createPrivateKey({ key: der, format: 'der', type: 'pkcs8' });
    const publicKey = createPublicKey(privateKey);
    return { keyId: sha256(publicKey.export({ format: 'der', type: 'spki' })).slice(0, 16), privateKey, publicKey };
  }

  /**
   * Encrypts a small secret (AES-256-GCM) that is kept where others can read. It starts with the `keyId` of the master key.
   * @param label of what kind it is, with a key of its own
   * @param context what it belongs to: sealed for one, it can't be passed for another's
   */
  wrap(label: string, context: string, secret: Buffer): Buffer {
    const nonce = randomBytes(NONCE_BYTES);
    const cipher = createCipheriv('aes-256-gcm', this.derive(`wrap/${label}`), nonce, { authTagLength: TAG_BYTES });
    cipher.setAAD(Buffer.from(context));
    return Buffer.concat([Buffer.from(this.keyId, 'hex'), nonce, cipher.update(secret), cipher.final(), cipher.getAuthTag()]);
  }

  /** What was wrapped; undefined when it was wrapped with another key, for another context, or is damaged. */
  unwrap(label: string, context: string, wrapped: Buffer): Buffer | undefined {
    const start = KEY_ID_BYTES + NONCE_BYTES;
    if (wrapped.length < start + TAG_BYTES || wrapped.toString('hex', 0, KEY_ID_BYTES) !== this.keyId) return undefined;
    const decipher = createDecipheriv('aes-256-gcm', this.derive(`wrap/${label}`), wrapped.subarray(KEY_ID_BYTES, start), { authTagLength: TAG_BYTES });
    decipher.setAAD(Buffer.from(context));
    decipher.setAuthTag(wrapped.subarray(-TAG_BYTES));
    try {
      return Buffer.concat([decipher.update(wrapped.subarray(start, -TAG_BYTES)), decipher.final()]);
    } catch {
      return undefined;
    }
  }
}
