import type { Transaction } from '../store/index.js';
import type { Principal } from './principal.js';

/**
 * The subjects under which the same person may act: its own, and, where the credential is an API key, those who made that key, and
 * the keys with which it was made, and so on. So nobody is a second person by way of a key that they made for themselves.
 */
export async function namesOfPerson(
  tx: Pick<Transaction, 'query'>,
  { subject, credential = '' }: Pick<Principal, 'subject' | 'credential'>,
): Promise<readonly string[]> {
  if (!credential.startsWith('key:')) return [subject];
  const rows = await tx.query<{ name: string }>(
    `WITH RECURSIVE person (name) AS (
       SELECT created_by FROM headgate.api_key WHERE id = $1
       UNION
       SELECT key.created_by FROM person JOIN headgate.api_key AS key ON key.subject = person.name
     ) SELECT name FROM person`,
    [credential.slice('key:'.length)],
  );
  return [...new Set([subject, ...rows.map(({ name }) => name)])];
}
