import type { EntityManager } from 'typeorm';
import { HeadgateError, isUuid } from '../kernel/index.js';
import { RunEntity, type RunKind, type RunStatus } from './run.entity.js';

export interface RunFilter {
  readonly dataset?: string | undefined;
  readonly pipeline?: string | undefined;
  readonly kind?: RunKind | undefined;
  readonly status?: RunStatus | undefined;
  /** How many at the most: 1 to 1000, by default 50. */
  readonly first?: number | undefined;
  /** The cursor of the run after which to go on. */
  readonly after?: string | undefined;
}

export interface RunPage {
  readonly nodes: readonly RunEntity[];
  readonly hasNextPage: boolean;
}

/** Where a run stands in the list: it goes by creation, newest first, then by id. */
export function runCursor(run: Pick<RunEntity, 'createdAt' | 'id'>): string {
  return Buffer.from(JSON.stringify([run.createdAt.toISOString(), run.id])).toString('base64url');
}

/** Newest first. @throws HeadgateError BAD_USER_INPUT for a page size or a cursor that is none. */
export async function listRuns(manager: EntityManager, filter: RunFilter): Promise<RunPage> {
  const first = filter.first ?? 50;
  if (!Number.isInteger(first) || first < 1 || first > 1000) {
    throw new HeadgateError('BAD_USER_INPUT', `first: expected 1 to 1000, got ${first}.`, { field: 'first' });
  }
  const query = manager.createQueryBuilder(RunEntity, 'run').orderBy('run.createdAt', 'DESC').addOrderBy('run.id', 'DESC');
  for (const column of ['dataset', 'pipeline', 'kind', 'status'] as const) {
    const value = filter[column];
    if (value !== undefined) query.andWhere(`run.${column} = :${column}`, { [column]: value });
  }
  if (filter.after !== undefined) {
    const [at, id] = readCursor(filter.after);
    query.andWhere('(run.createdAt, run.id) < (:at::timestamptz, :id::uuid)', { at, id });
  }
  const runs = await query.limit(first + 1).getMany();
  return { nodes: runs.slice(0, first), hasNextPage: runs.length > first };
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
