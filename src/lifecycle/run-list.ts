import type { EntityManager } from 'typeorm';
import { timePage, type TimePage } from '../store/index.js';
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

/** Newest first. @throws HeadgateError BAD_USER_INPUT for a page size or a cursor that is none. */
export async function listRuns(manager: EntityManager, { first = 50, after, ...filter }: RunFilter): Promise<TimePage<RunEntity>> {
  const query = manager.createQueryBuilder(RunEntity, 'run');
  for (const column of ['dataset', 'pipeline', 'kind', 'status'] as const) {
    const value = filter[column];
    if (value !== undefined) query.andWhere(`run.${column} = :${column}`, { [column]: value });
  }
  return timePage(query, { first, after });
}
