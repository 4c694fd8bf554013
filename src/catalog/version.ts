import type { Transaction } from '../store/index.js';

/** Told of each change of the catalog, with its new version. */
export const CATALOG_CHANNEL = 'headgate_catalog';

/** Any number that is ours: whoever changes the catalog holds it to the end of the transaction. */
const CATALOG_LOCK = 4_830_911_002;

/** Waits until no other transaction changes the catalog; held to the end of this one, and may be taken again in it. */
export async function lockCatalog(tx: Transaction): Promise<void> {
  await tx.query('SELECT pg_advisory_xact_lock($1)', [CATALOG_LOCK]);
}

export async function catalogVersion(tx: Pick<Transaction, 'query'>): Promise<string> {
  const [row] = await tx.query<{ version: string }>('SELECT version::text AS version FROM headgate.catalog_version');
  return row?.version ?? '0';
}

/** Every change of catalog or grants calls it in its own transaction; the processes hear of it when that commits. */
export async function raiseCatalogVersion(tx: Transaction): Promise<string> {
  const [row] = await tx.query<{ version: string }>(
    'UPDATE headgate.catalog_version SET version = version + 1, changed_at = now() RETURNING version::text AS version',
  );
  const version = row?.version ?? '0';
  await tx.query('SELECT pg_notify($1, $2)', [CATALOG_CHANNEL, version]);
  return version;
}
