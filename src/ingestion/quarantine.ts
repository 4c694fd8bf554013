import { Column, Entity, In, Index, PrimaryColumn } from 'typeorm';
import { fieldHistory, type Dataset, type FieldHistory } from '../catalog/index.js';
import { HeadgateError, LruMap } from '../kernel/index.js';
import { param, raw, render, sql, type Sql } from '../sql/index.js';
import type { Database, Transaction } from '../store/index.js';
import { ENVELOPE_START, type FieldCipher } from '../vault/index.js';
import type { CapturedChanges } from './captured-changes.js';
import type { ContractRules } from './contract-rules.js';
import type { Reason } from './outcome.js';
import { quarantineCondition, type QuarantineCount, type QuarantineFilter, type QuarantineState } from './quarantine-filter.js';
import { Sealer } from './sealer.js';
import { RAW_ROW, REFUSED, run, UNCHANGED } from './work-tables.js';

/** Field -> text. A line that was no JSON object is whole, under an empty name. */
type RawRow = Readonly<Record<string, string | null>>;

/** A row that was refused, as it came; whoever shows it masks `raw` like the dataset's fields. */
@Entity({ name: 'quarantined_row', schema: 'headgate' })
@Index(['datasetId', 'id'])
export class QuarantinedRowEntity {
  /** Decimal text (bigint). */
  @PrimaryColumn('bigint') id!: string;
  @Column('uuid', { name: 'dataset_id' }) datasetId!: string;
  @Column('uuid', { name: 'run_id' }) runId!: string;
  /** The line in the file; of a row in a JSON array the line it begins at. */
  @Column('bigint') line!: string;
  /** Where it was, beyond its line: a place in a stream, a file, a page. */
  @Column('text', { nullable: true }) position!: string | null;
  /** The version of the contract under which it was refused at first: by it its columns have their names. Null of old rows. */
  @Column('integer', { name: 'contract_version', nullable: true }) contractVersion!: number | null;
  @Column('jsonb') raw!: RawRow;
  @Column('jsonb') reasons!: Reason[];
  /** Of a source whose changes are followed: a newer change of the same row takes its place. */
  @Column('boolean', { default: false }) captured!: boolean;
  @Column('timestamptz', { name: 'created_at' }) createdAt!: Date;
  @Column('text', { default: 'OPEN' }) state!: QuarantineState;
  /** How often it was tried to load it. */
  @Column('integer', { default: 1 }) attempts!: number;
  /** The replay that tried it last. */
  @Column('uuid', { name: 'last_run_id', nullable: true }) lastRunId!: string | null;
  @Column('text', { name: 'discarded_by', nullable: true }) discardedBy!: string | null;
  @Column('timestamptz', { name: 'discarded_at', nullable: true }) discardedAt!: Date | null;
  @Column('text', { name: 'discard_reason', nullable: true }) discardReason!: string | null;
}

const HISTORIES = 500;

/** A stretch of quarantined rows, oldest first. */
export interface QuarantinePage {
  readonly rows: readonly QuarantinedRowEntity[];
  readonly hasNext: boolean;
}

/** Reads the quarantine of datasets. Who may see which values is for the caller to decide. */
export class Quarantine {
  readonly #database: Database;
  readonly #cipher: Pick<FieldCipher, 'open'> | undefined;
  /** By dataset and version of its contract; what was does not change any more. */
  readonly #histories = new LruMap<string, FieldHistory>(HISTORIES);

  /** @param cipher of encrypted fields; without it their values stay in their envelopes */
  constructor(database: Database, cipher?: Pick<FieldCipher, 'open'>) {
    this.#database = database;
    this.#cipher = cipher;
  }

  /** Since when the columns of the dataset are the fields that they are now. */
  async history({ id, contractVersion }: Pick<Dataset, 'id' | 'contractVersion'>): Promise<FieldHistory> {
    const key = `${id} ${contractVersion}`;
    const known = this.#histories.get(key);
    if (known) return known;
    const found = await fieldHistory(this.#database, { id, contractVersion });
    this.#histories.set(key, found);
    return found;
  }

  /** The rows with the values of those encrypted fields that may be shown; null for one that nobody can open any more. */
  async opened<Row extends { readonly raw: RawRow }>(dataset: Dataset, rows: readonly Row[], shown: (field: string) => boolean): Promise<readonly Row[]> {
    const sealer = new Sealer(dataset);
    const names = [...sealer.fields.keys()].filter(shown);
    const cipher = this.#cipher;
    if (names.length === 0 || !cipher) return rows;
    const found = rows.flatMap((row) =>
      names.flatMap((name) => {
        const envelope = row.raw[name];
        const subject = sealer.subject === undefined ? null : (row.raw[sealer.subject] ?? null);
        return envelope?.startsWith(ENVELOPE_START) ? [{ row, name, sealed: { place: sealer.placeOf(name, subject), envelope } }] : [];
      }),
    );
    const values = await cipher.open(found.map(({ sealed }) => sealed));
    const openedOf = new Map<Row, Record<string, string | null>>();
    found.forEach(({ row, name }, i) => openedOf.set(row, { ...openedOf.get(row), [name]: values[i] ?? null }));
    return rows.map((row) => ({ ...row, raw: { ...row.raw, ...openedOf.get(row) } }));
  }

  /**
   * The `first` rows after the one with the id `after`.
   * @throws HeadgateError BAD_USER_INPUT when `after` is not an id.
   */
  async page(
    datasetId: string,
    { first, after = '0', ...filter }: { readonly first: number; readonly after?: string } & QuarantineFilter,
  ): Promise<QuarantinePage> {
    if (!/^\d{1,18}$/.test(after)) throw new HeadgateError('BAD_USER_INPUT', 'The cursor is not one of this list. Use the endCursor of the page before.');
    const { text, values } = render(
      sql`SELECT q.id::text AS id FROM headgate.quarantined_row q WHERE ${quarantineCondition(datasetId, filter)} AND q.id > ${param(after, 'bigint')} ORDER BY q.id LIMIT ${param(first + 1, 'int')}`,
    );
    const ids = await this.#database.query<{ id: string }>(text, values);
    const rows = await this.#database.manager.find(QuarantinedRowEntity, { where: { id: In(ids.map(({ id }) => id)) }, order: { id: 'ASC' } });
    return { rows: rows.slice(0, first), hasNext: ids.length > first };
  }

  async count(datasetId: string, filter: QuarantineFilter = {}): Promise<number> {
    const { text, values } = render(sql`SELECT count(*)::int AS n FROM headgate.quarantined_row q WHERE ${quarantineCondition(datasetId, filter)}`);
    const [found] = await this.#database.query<{ n: number }>(text, values);
    return found?.n ?? 0;
  }

  /**
   * Why the rows of a dataset are there: how many have a reason of each kind, most first.
   * @param since by field, from which version of the contract on reasons about it count; all do when absent
   */
  async reasons(datasetId: string, since?: ReadonlyMap<string, number>): Promise<readonly QuarantineCount[]> {
    return this.#database.query<QuarantineCount>(
      `SELECT q.state, r ->> 'field' AS field, r ->> 'rule' AS rule, count(DISTINCT q.id)::int AS count
       FROM headgate.quarantined_row q, jsonb_array_elements(q.reasons) AS r
       WHERE q.dataset_id = $1 AND ($2::jsonb IS NULL OR r ->> 'field' IS NULL OR q.contract_version >= ($2::jsonb ->> (r ->> 'field'))::int)
       GROUP BY 1, 2, 3 ORDER BY 4 DESC, 1, 2, 3`,
      [datasetId, since ? JSON.stringify(Object.fromEntries(since)) : null],
    );
  }
}

/** The load whose rows are refused. */
interface RefusingLoad {
  readonly dataset: Pick<Dataset, 'id'>;
  readonly runId: string;
  readonly captured?: boolean | undefined;
  readonly changes?: Pick<CapturedChanges, 'unchanged'> | undefined;
}

/** Writes all refused rows of a load whose raw texts are kept. Returns how many. */
export async function quarantine(tx: Transaction, { dataset, runId, captured = false, changes }: RefusingLoad, rules: ContractRules): Promise<number> {
  const id = param(dataset.id, 'uuid');
  const hasUnsent = changes !== undefined && changes.unchanged.length > 0;
  const unsent = hasUnsent ? sql`coalesce((SELECT u.fields FROM ${UNCHANGED} u WHERE u.line = r._pos), '{}')` : raw("'{}'::text[]");
  return run(
    tx,
    sql`INSERT INTO headgate.quarantined_row (dataset_id, run_id, line, raw, reasons, captured, unsent, contract_version)
      SELECT ${id}, ${param(runId, 'uuid')}, w.line, w.raw, ${reasonsOf(rules)}, ${raw(String(captured))}, ${unsent},
        (SELECT contract_version FROM headgate.dataset WHERE id = ${id})
      FROM ${REFUSED} r JOIN ${RAW_ROW} w ON w._pos = r._pos ORDER BY r._pos`,
  );
}

/** The reasons of a refused row `r`, as they are kept. */
export function reasonsOf(rules: ContractRules): Sql {
  const reasons = param(JSON.stringify(rules.checks.map((check) => check.reason)), 'jsonb');
  return sql`(SELECT jsonb_agg(${reasons} -> p::int ORDER BY n) FROM unnest(r.reasons) WITH ORDINALITY AS u(p, n))`;
}

/** Line, field and rule of the first refused rows, to tell with an error. */
export async function refusedExamples(tx: Transaction, rules: ContractRules, count: number): Promise<{ line: number; field: string | null; rule: string }[]> {
  const found = await tx.query<{ line: string; reasons: number[] }>(
    `SELECT w.line, r.reasons FROM pg_temp.refused r JOIN pg_temp.raw_row w ON w._pos = r._pos ORDER BY r._pos LIMIT $1`,
    [count],
  );
  return found.map(({ line, reasons }) => {
    const { field = null, rule = 'unknown' } = rules.checks[reasons[0] ?? -1]?.reason ?? {};
    return { line: Number(line), field, rule };
  });
}
