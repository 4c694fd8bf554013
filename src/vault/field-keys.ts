import type { Closing } from '../kernel/index.js';
import type { Database, KeyRing, Notifications } from '../store/index.js';
import { DataKeys } from './data-keys.js';
import { FieldCipher } from './field-cipher.js';
import { pinKeys } from './pinned-keys.js';
import { SubjectKeys } from './subject-keys.js';

export interface FieldKeysRoom {
  readonly database: Database;
  readonly keyRing: KeyRing;
  readonly notifications: Notifications;
  readonly closing: Closing;
}

/** The keys of encrypted fields in this process, and what encrypts with them. */
export async function openFieldKeys({ database, keyRing, notifications, closing }: FieldKeysRoom): Promise<{ subjectKeys: SubjectKeys; cipher: FieldCipher }> {
  await pinKeys(database, keyRing);
  const subjectKeys = new SubjectKeys({ database, keyRing });
  await subjectKeys.listen(notifications);
  closing.add('subject keys', () => subjectKeys.close());
  return { subjectKeys, cipher: new FieldCipher(subjectKeys, new DataKeys({ database, keyRing })) };
}
