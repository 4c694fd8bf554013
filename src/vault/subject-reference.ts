import { createHmac } from 'node:crypto';
import type { KeyRing } from '../store/index.js';

/** Of the key of references, which no rotation changes: see `pinKeys`. */
export const REFERENCE_LABEL = 'audit/subject';

/**
 * What stands for a person where the person must not be told: a keyed hash, hex, the same wherever the installation names
 * somebody. Without the master key nobody can find out, by trying names, whom it means.
 */
export function subjectReference(keyRing: KeyRing, subject: string): string {
  return createHmac('sha256', keyRing.derive(REFERENCE_LABEL)).update(subject).digest('hex');
}

/** Names the key of references and tells nothing of it: references that were made with another one mean nobody. */
export function referenceKeyId(keyRing: KeyRing): string {
  return createHmac('sha256', keyRing.derive(REFERENCE_LABEL)).update('\0key-id').digest('hex').slice(0, 16);
}
