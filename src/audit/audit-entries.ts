import type { DataSource, SelectQueryBuilder } from 'typeorm';
import { HeadgateError, isUuid } from '../kernel/index.js';
import { AuditEntryEntity } from './audit-entry.entity.js';
import type { Decision } from './fact.js';

/** All given conditions hold; `from` is inclusive, `to` is not. */
export interface AuditFilter {
  readonly principal?: string;
  readonly action?: string;
  readonly dataset?: string;
  readonly decision?: Decision;
  readonly purpose?: string;
  readonly from?: Date;
  readonly to?: Date;
  /** Read plain or through a mask. */
  readonly field?: string;
  /** Whom it was about, by `subjectReference`: the record holds no name of a person whose data it is. */
  readonly subject?: string;
}

export interface AuditPage {
  readonly entries: readonly AuditEntryEntity[];
  readonly hasNextPage: boolean;
}

/**
 * Entries, newest first, `first` of them after the one that the cursor stands for (see `auditCursor`).
 * @throws HeadgateError BAD_USER_INPUT for a cursor that is none of ours, or a `first` that is not a whole number from 0.
 */
export async function listAuditEntries(
  dataSource: DataSource,
  { first, after, where = {} }: { first: number; after?: string; where?: AuditFilter },
): Promise<AuditPage> {
  if (!Number.isSafeInteger(first) || first < 0) {
    throw new HeadgateError('BAD_USER_INPUT', `first: expected a whole number from 0 up, got ${first}.`, { path: 'first' });
  }
  const query = dataSource.getRepository(AuditEntryEntity).createQueryBuilder('entry');
  applyFilter(query, where);
  if (after !== undefined) query.andWhere('(entry.at, entry.id) < (:at, :id)', position(after));
  if (where.field !== undefined && (await isRare(dataSource, where.field))) query.addSelect("entry.at + interval '0'", 'moment').orderBy('moment', 'DESC');
  else query.orderBy('entry.at', 'DESC');
  const found = await query
    .addOrderBy('entry.id', 'DESC')
    .limit(first + 1)
    .getMany();
  return { entries: found.slice(0, first), hasNextPage: found.length > first };
}

/** Entries that are found by their index and sorted in a moment. */
const FEW = 5_000;

/**
 * PostgreSQL takes an element of which it has no statistics for one of two hundred, and would walk the whole record by time
 * for one that nearly no entry has. An order that no index has makes it find them first, and that costs more where they are many.
 */
async function isRare(dataSource: DataSource, field: string): Promise<boolean> {
  const [found] = await dataSource.query<{ few: boolean }[]>(
    'SELECT count(*) <= $2 AS few FROM (SELECT FROM headgate.audit_entry WHERE (fields || masked) @> ARRAY[$1]::text[] LIMIT $2 + 1) AS entry',
    [field, FEW],
  );
  return found?.few === true;
}

/** How many entries the filter lets through. */
export async function countAuditEntries(dataSource: DataSource, where: AuditFilter = {}): Promise<number> {
  const query = dataSource.getRepository(AuditEntryEntity).createQueryBuilder('entry');
  applyFilter(query, where);
  return await query.getCount();
}

/** The place of an entry in the list: its time and id, opaque to clients. */
export function auditCursor(entry: Pick<AuditEntryEntity, 'at' | 'id'>): string {
  return Buffer.from(`${entry.at.getTime()}/${entry.id}`).toString('base64url');
}

function position(cursor: string): { at: Date; id: string } {
  const [time = '', id = '', ...rest] = Buffer.from(cursor, 'base64url').toString().split('/');
  const at = new Date(/^\d{1,15}$/.test(time) ? Number(time) : Number.NaN);
  if (Number.isNaN(at.getTime()) || !isUuid(id) || rest.length > 0) {
    throw new HeadgateError('BAD_USER_INPUT', 'after: expected an endCursor of auditEntries, got something else.', { path: 'after' });
  }
  return { at, id };
}

function applyFilter(query: SelectQueryBuilder<AuditEntryEntity>, where: AuditFilter): void {
  for (const column of ['principal', 'action', 'dataset', 'decision', 'purpose'] as const) {
    const value = where[column];
    if (value !== undefined) query.andWhere(`entry.${column} = :${column}`, { [column]: value });
  }
  if (where.from) query.andWhere('entry.at >= :from', { from: where.from });
  if (where.to) query.andWhere('entry.at < :to', { to: where.to });
  // As the indexes have them.
  if (where.field !== undefined) query.andWhere('(entry.fields || entry.masked) @> ARRAY[:field]::text[]', { field: where.field });
  if (where.subject !== undefined) query.andWhere("entry.details ->> 'subject' = :subject", { subject: where.subject });
}
