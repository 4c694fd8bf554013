import type { KeyRing, Transaction } from '../store/index.js';

/** A field of which there are tokens. */
export interface TokenPlace {
  readonly datasetId: string;
  readonly field: string;
}

/** What a token stands for. */
export interface TokenEntry {
  readonly token: string;
  /** Under which it was made. */
  readonly scope: string;
  readonly value: string;
}

type Queryable = Pick<Transaction, 'query'>;

/** Longer values are found again in their rows. */
const LONGEST_KEPT = 4_096;
const LABEL = 'token-vault';

/**
 * Remembers what tokens stood for when somebody who may know it asked. Tokens are made where rows are read, by statements that can
 * write nothing, so the vault is not filled by handing them out: whoever asks what one stands for has it looked for among the rows
 * that they may see, and what was found is kept here, so that the next time it is found by its value and not by making the
 * token of every row. An entry opens nothing by itself: that its value stands in a row which the asker may see is checked
 * each time. So a vault that lost its entries gives the same answers, later.
 *
 * Values are encrypted with a key derived from the master key, each bound to its place and its token. Neither the role that
 * reads data nor that of pipelines can read the table.
 */
export class TokenVault {
  readonly #keyRing: Pick<KeyRing, 'wrap' | 'unwrap'>;

  constructor(keyRing: Pick<KeyRing, 'wrap' | 'unwrap'>) {
    this.#keyRing = keyRing;
  }

  /** Those of the tokens that are known, and made under one of the scopes. One that can't be decrypted is not known. */
  async recall(db: Queryable, place: TokenPlace, tokens: readonly string[], scopes: readonly string[]): Promise<readonly TokenEntry[]> {
    const rows = await db.query<{ token: Buffer; scope: string; value: Buffer }>(
      'SELECT token, scope, value FROM headgate.token_vault WHERE dataset_id = $1 AND field = $2 AND token = ANY($3::bytea[]) AND scope = ANY($4::text[])',
      [place.datasetId, place.field, tokens.map(bytesOf), scopes],
    );
    return rows.flatMap(({ token: bytes, scope, value }) => {
      const token = textOf(bytes);
      const plain = this.#keyRing.unwrap(LABEL, contextOf(place, scope, token), value);
      return plain ? [{ token, scope, value: plain.toString('utf8') }] : [];
    });
  }

  async remember(tx: Queryable, place: TokenPlace, entries: readonly TokenEntry[]): Promise<void> {
    const kept = entries.filter(({ value }) => Buffer.byteLength(value) <= LONGEST_KEPT);
    if (kept.length === 0) return;
    await tx.query(
      `INSERT INTO headgate.token_vault (dataset_id, field, token, scope, value)
       SELECT $1, $2, t.token, t.scope, t.value FROM unnest($3::bytea[], $4::text[], $5::bytea[]) AS t (token, scope, value) ORDER BY t.token
       ON CONFLICT (dataset_id, field, token) DO UPDATE SET scope = EXCLUDED.scope, value = EXCLUDED.value`,
      [
        place.datasetId,
        place.field,
        kept.map(({ token }) => bytesOf(token)),
        kept.map(({ scope }) => scope),
        kept.map(({ token, scope, value }) => this.#keyRing.wrap(LABEL, contextOf(place, scope, token), Buffer.from(value))),
      ],
    );
  }
}

export interface ForgetOptions {
  /** All fields when absent. */
  readonly field?: string;
  /** All tokens when absent. */
  readonly tokens?: readonly string[];
}

/**
 * Takes entries out of the vault: whoever erases a person calls it for each dataset of which rows were erased or changed, in the
 * same transaction. Without `field` and `tokens` nothing of the dataset is left, which costs its next askers some time and
 * nobody an answer.
 * @returns how many entries there were
 */
export async function forgetTokens(tx: Queryable, datasetId: string, { field, tokens }: ForgetOptions = {}): Promise<number> {
  const gone = await tx.query(
    `DELETE FROM headgate.token_vault WHERE dataset_id = $1 AND ($2::text IS NULL OR field = $2) AND ($3::bytea[] IS NULL OR token = ANY($3)) RETURNING 1`,
    [datasetId, field ?? null, tokens?.map(bytesOf) ?? null],
  );
  return gone.length;
}

/** Where nobody can tell any more what of it is about a person. It costs its next askers some time and nobody an answer. */
export async function forgetAllTokens(tx: Queryable): Promise<number> {
  return (await tx.query('DELETE FROM headgate.token_vault RETURNING 1')).length;
}

/** `tok_` and digits. */
function bytesOf(token: string): Buffer {
  return Buffer.from(token.slice('tok_'.length), 'hex');
}

function textOf(bytes: Buffer): string {
  return `tok_${bytes.toString('hex')}`;
}

function contextOf({ datasetId, field }: TokenPlace, scope: string, token: string): string {
  return JSON.stringify([datasetId, field, scope, token]);
}
