import { createHmac, timingSafeEqual } from 'node:crypto';
import { NONCE_BYTES, openBytes, sealBytes } from '../kernel/index.js';

/** A field whose values are encrypted. The dataset stands by its id: one that is deleted and made again is another. */
export interface SealedField {
  readonly dataset: string;
  readonly field: string;
}

/** Where a value belongs: no envelope opens elsewhere. */
export interface Place extends SealedField {
  /** The person that the row is about, as the column's text; null for a row, or a dataset, that names none. */
  readonly subject: string | null;
}

const VERSION = 'hge1';
const INDEX_BYTES = 16;
const KEY_BYTES = 32;

/** What every envelope begins with. */
export const ENVELOPE_START = `${VERSION}.`;

/** What an envelope looks like, as a regular expression of PostgreSQL and of JavaScript. */
export const ENVELOPE_PATTERN = `^${VERSION}[.][A-Za-z0-9_-]{22}[.][A-Za-z0-9_-]+$`;

/** The place of the blind index among the parts of an envelope, from 1, with dots between them. */
export const INDEX_PART = 2;

/** Bytes of a value at the most. */
export const MOST_VALUE_BYTES = 65_536;

/** What equal values of a field have in common: a keyed hash, of which the key is kept beside no data. */
export function blindIndex(indexKey: Buffer, value: string): string {
  return createHmac('sha256', indexKey).update(value).digest().subarray(0, INDEX_BYTES).toString('base64url');
}

/**
 * A value in its envelope, `hge1.<blind index>.<nonce, ciphertext and tag>`. The nonce is a keyed hash of the value (as in
 * SIV, RFC 5297), so that one value in one place is the same envelope each time: loads recognise rows that are there already,
 * and the blind index tells as much.
 * @param key of the subject, or of the dataset where there is none
 */
export function seal(key: Buffer, place: Place, index: string, value: string): string {
  const { cipherKey, nonceKey } = keysOf(key, place);
  const body = sealBytes(value, { key: cipherKey, context: context(place, index) }, nonceOf(nonceKey, value));
  return `${VERSION}.${index}.${body.toString('base64url')}`;
}

/** The value; null when it was sealed with another key or for another place, or is damaged. */
export function open(key: Buffer, place: Place, envelope: string): string | null {
  const [version, index, text, more] = envelope.split('.');
  if (version !== VERSION || index === undefined || text === undefined || more !== undefined) return null;
  const body = Buffer.from(text, 'base64url');
  const { cipherKey, nonceKey } = keysOf(key, place);
  const value = openBytes(body, { key: cipherKey, context: context(place, index) });
  if (value === undefined) return null;
  // Who has the key made the nonce of the value; anything else is not ours.
  return timingSafeEqual(nonceOf(nonceKey, value), body.subarray(0, NONCE_BYTES)) ? value.toString('utf8') : null;
}

/** Keys of their own for each field: of 32 bytes each, for the cipher and for the nonces. */
function keysOf(key: Buffer, { dataset, field }: SealedField): { readonly cipherKey: Buffer; readonly nonceKey: Buffer } {
  const both = createHmac('sha512', key).update(`headgate/field\n${dataset}.${field}`).digest();
  return { cipherKey: both.subarray(0, KEY_BYTES), nonceKey: both.subarray(KEY_BYTES) };
}

function nonceOf(nonceKey: Buffer, value: Buffer | string): Buffer {
  return createHmac('sha256', nonceKey).update(value).digest().subarray(0, NONCE_BYTES);
}

function context({ dataset, field, subject }: Place, index: string): string {
  return JSON.stringify([dataset, field, subject, index]);
}
