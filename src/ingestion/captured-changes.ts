import { columnType, isHeld, loadHolds, type Dataset } from '../catalog/index.js';
import { identifier, join, param, raw, sql, type Sql } from '../sql/index.js';
import type { Transaction } from '../store/index.js';
import type { FieldCipher } from '../vault/index.js';
import { place, type ContractRules } from './contract-rules.js';
import { tableOf } from './duplicates.js';
import { Sealer } from './sealer.js';
import { LANDED, rows, run, UNCHANGED } from './work-tables.js';

/** The texts of a row's key, in the order of the contract's. */
export type KeyTexts = readonly (string | null)[];

/** What changes of a source do beside the rows that they bring. The keys of all of them, and of the rows, differ. */
export interface CapturedChanges {
  /** All rows that were there go. */
  readonly truncated: boolean;
  /** Rows that are not there any more. */
  readonly removed: readonly KeyTexts[];
  /** Rows, by their line, of which the source did not send some fields because they did not change; and the key that the row had. */
  readonly unchanged: readonly { readonly line: number; readonly key: KeyTexts; readonly fields: readonly string[] }[];
}

export interface Gone {
  readonly removed: number;
  /** Those that were not there, or that a legal hold keeps. */
  readonly kept: number;
}

const T = raw('t');
/** Rows whose values are encrypted anew at a time. */
const AT_A_TIME = 500;

/** What they are applied with. */
export interface Changing {
  readonly dataset: Dataset;
  readonly rules: ContractRules;
  /** Of encrypted fields. */
  readonly cipher?: Pick<FieldCipher, 'open' | 'seal'> | undefined;
}

/** Does them, between the landing of the rows and their checks. */
export async function applyChanges(tx: Transaction, changing: Changing, changes: CapturedChanges): Promise<Gone> {
  const { dataset } = changing;
  if (changes.unchanged.length > 0) await keepUnchanged(tx, changing, changes.unchanged);
  const mayGo = await withoutHeld(tx, dataset);
  const table = tableOf(dataset);
  const truncated = changes.truncated ? await run(tx, sql`DELETE FROM ${table} t WHERE ${mayGo}`) : 0;
  if (changes.removed.length === 0) return { removed: truncated, kept: 0 };
  const keys = sql`(SELECT _v AS k FROM jsonb_array_elements(${param(JSON.stringify(changes.removed), 'jsonb')}) AS _a(_v))`;
  const removed = await run(tx, sql`DELETE FROM ${table} t USING ${keys} r WHERE ${isKey(dataset, sql`r.k`)} AND ${mayGo}`);
  return { removed: truncated + removed, kept: changes.removed.length - removed };
}

/** What was not sent is what is there. Where nothing is there, the row can't be known: it is refused. */
export async function keepUnchanged(tx: Transaction, changing: Changing, unchanged: CapturedChanges['unchanged']): Promise<void> {
  const { dataset, rules } = changing;
  await tx.query('CREATE TEMP TABLE unchanged (line bigint, key jsonb, fields text[]) ON COMMIT DROP');
  const given = param(JSON.stringify(unchanged), 'jsonb');
  await run(tx, sql`INSERT INTO ${UNCHANGED} SELECT line, key, fields FROM jsonb_to_recordset(${given}) AS r(line bigint, key jsonb, fields text[])`);
  const names = new Set(unchanged.flatMap(({ fields }) => fields));
  for (const name of names) {
    const field = identifier(name);
    const has = sql`u.line = l._pos AND ${param(name, 'text')} = ANY (u.fields)`;
    await run(tx, sql`UPDATE ${LANDED} l SET ${field} = t.${field} FROM ${UNCHANGED} u, ${tableOf(dataset)} t WHERE ${has} AND ${isKey(dataset, sql`u.key`)}`);
    const isThere = sql`EXISTS (SELECT FROM ${tableOf(dataset)} t WHERE ${isKey(dataset, sql`u.key`)})`;
    const bad = sql`coalesce(l._bad, '{}') || ${place(rules.typeOf.get(name))}`;
    await run(tx, sql`UPDATE ${LANDED} l SET _bad = ${bad} FROM ${UNCHANGED} u WHERE ${has} AND NOT ${isThere}`);
  }
  // Now the subjects are known, also where they were not sent.
  const { fields } = new Sealer(dataset);
  for (const name of names) if (fields.has(name)) await sealMoved(tx, changing, name);
}

interface Moved {
  readonly pos: number;
  readonly envelope: string;
  readonly before: string | null;
  readonly after: string | null;
}

/**
 * A value is encrypted for the person that its row is about. Where the same change makes that another person, the value that was there is
 * encrypted for them: as it is nobody could open it, and the erasure of the one before would not be one of it.
 */
async function sealMoved(tx: Transaction, { dataset, cipher }: Changing, name: string): Promise<void> {
  const sealer = new Sealer(dataset);
  if (sealer.subject === undefined) return;
  const [field, subject] = [identifier(name), identifier(sealer.subject)];
  const isMoved = sql`u.line = l._pos AND ${param(name, 'text')} = ANY (u.fields) AND ${isKey(dataset, sql`u.key`)} AND l._bad IS NULL
    AND l.${field} IS NOT NULL AND t.${subject} IS DISTINCT FROM l.${subject}`;
  const from = sql`${UNCHANGED} u, ${tableOf(dataset)} t`;
  if (!cipher) throw new Error('changes of encrypted fields without what encrypts');
  for (let after = 0; ;) {
    const page = await rows<Moved>(
      tx,
      sql`SELECT l._pos::float8 AS pos, l.${field} AS envelope, t.${subject}::text AS before, l.${subject}::text AS after FROM ${LANDED} l, ${from}
        WHERE ${isMoved} AND l._pos > ${param(after, 'bigint')} ORDER BY l._pos LIMIT ${raw(String(AT_A_TIME))}`,
    );
    if (page.length === 0) return;
    after = page.at(-1)?.pos ?? 0;
    const values = await cipher.open(page.map(({ envelope, before }) => ({ place: sealer.placeOf(name, before), envelope })));
    // Of whom was erased meanwhile there is nothing to be opened: null.
    const known = page.flatMap(({ pos, after: whose }, i) => {
      const value = values[i] ?? null;
      return value === null ? [] : [{ pos, place: sealer.placeOf(name, whose), value }];
    });
    const sealed = await cipher.seal(known);
    const given = param(JSON.stringify(page.map(({ pos }) => ({ pos, envelope: sealed[known.findIndex((one) => one.pos === pos)] ?? null }))), 'jsonb');
    await run(tx, sql`UPDATE ${LANDED} l SET ${field} = n.envelope FROM jsonb_to_recordset(${given}) AS n(pos bigint, envelope text) WHERE l._pos = n.pos`);
  }
}

/** @param texts an array of JSON */
function isKey(dataset: Dataset, texts: Sql): Sql {
  const parts = dataset.key.map((name, i) => {
    const field = dataset.fields.find((one) => one.name === name);
    return sql`${T}.${identifier(name)} = (${texts} ->> ${raw(String(i))})::${raw(field ? columnType(field) : 'text')}`;
  });
  return join(parts, ' AND ');
}

/** Rows that no legal hold keeps. */
async function withoutHeld(tx: Transaction, dataset: Dataset): Promise<Sql> {
  const holds = (await loadHolds(tx)).filter((hold) => isHeld(hold));
  if (holds.some(({ datasets }) => datasets?.includes(dataset.name))) return sql`false`;
  const subjects = holds.flatMap((hold) => hold.subjects ?? []);
  if (dataset.subject === undefined || subjects.length === 0) return sql`true`;
  return sql`(${T}.${identifier(dataset.subject)}::text = ANY (${param(subjects, 'text[]')})) IS NOT TRUE`;
}
