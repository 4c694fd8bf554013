import type { ObjectLiteral, SelectQueryBuilder } from 'typeorm';
import { HeadgateError, isUuid } from '../kernel/index.js';

const MOST = 1000;

/** What a list goes by: creation, newest first, then the id. */
interface Created extends ObjectLiteral {
  readonly createdAt: Date;
  readonly id: string;
}

export interface TimePage<T> {
  readonly nodes: readonly T[];
  readonly hasNextPage: boolean;
}

export interface TimePageArgs {
  /** How many at the most: 1 to 1000. */
  readonly first: number;
  /** The cursor of the one after which to go on. */
  readonly after?: string | undefined;
}

/** Where one stands in such a list; opaque to clients. */
export function timeCursor({ createdAt, id }: Created): string {
  return Buffer.from(JSON.stringify([createdAt.toISOString(), id])).toString('base64url');
}

/** A page of what the query finds, newest first. @throws HeadgateError BAD_USER_INPUT for a page size or a cursor that is none. */
export async function timePage<T extends Created>(query: SelectQueryBuilder<T>, { first, after }: TimePageArgs): Promise<TimePage<T>> {
  if (!Number.isInteger(first) || first < 1 || first > MOST) {
    throw new HeadgateError('BAD_USER_INPUT', `first: expected 1 to ${MOST}, got ${first}.`, { field: 'first' });
  }
  const { alias } = query;
  query.orderBy(`${alias}.createdAt`, 'DESC').addOrderBy(`${alias}.id`, 'DESC');
  if (after !== undefined) {
    const [at, id] = readCursor(after);
    query.andWhere(`(${alias}.createdAt, ${alias}.id) < (:at::timestamptz, :id::uuid)`, { at, id });
  }
  const nodes = await query.limit(first + 1).getMany();
  return { nodes: nodes.slice(0, first), hasNextPage: nodes.length > first };
}

function readCursor(cursor: string): [string, string] {
  try {
    const [at, id] = JSON.parse(Buffer.from(cursor, 'base64url').toString()) as [unknown, unknown];
    if (typeof at === 'string' && !Number.isNaN(Date.parse(at)) && typeof id === 'string' && isUuid(id)) return [at, id];
  } catch {
    // Told below: what is wrong with it is of no use to anyone.
  }
  throw new HeadgateError('BAD_USER_INPUT', 'after: this is not a cursor of this list. Take one from its pageInfo, or leave it out.', { field: 'after' });
}
