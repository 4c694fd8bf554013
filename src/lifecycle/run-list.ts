import type { EntityManager, SelectQueryBuilder } from 'typeorm';
import { timePage, type TimePage } from '../store/index.js';
import { RunEntity, type RunKind, type RunStatus } from './run.entity.js';

export interface RunFilter {
  readonly dataset?: string | undefined;
  readonly pipeline?: string | undefined;
  readonly collector?: string | undefined;
  readonly kind?: RunKind | undefined;
  readonly status?: RunStatus | undefined;
  /** The name of the process that has it. */
  readonly worker?: string | undefined;
  /** True for those that were given up and wait to be redriven, false for the others. */
  readonly deadLetter?: boolean | undefined;
  /** Only of these datasets: what else there is may be secret to who asks. */
  readonly among?: readonly string[] | undefined;
  /** How many at the most: 1 to 1000, by default 50. */
  readonly first?: number | undefined;
  /** The cursor of the run after which to go on. */
  readonly after?: string | undefined;
}

/** Newest first. @throws HeadgateError BAD_USER_INPUT for a page size or a cursor that is none. */
export async function listRuns(manager: EntityManager, { first = 50, after, ...filter }: RunFilter): Promise<TimePage<RunEntity>> {
  return timePage(filtered(manager, filter), { first, after });
}

/** How many there are, on all pages. */
export async function countRuns(manager: EntityManager, { first: _first, after: _after, ...filter }: RunFilter): Promise<number> {
  return filtered(manager, filter).getCount();
}

function filtered(manager: EntityManager, filter: Omit<RunFilter, 'first' | 'after'>): SelectQueryBuilder<RunEntity> {
  const query = manager.createQueryBuilder(RunEntity, 'run');
  for (const column of ['dataset', 'pipeline', 'collector', 'kind', 'status', 'worker'] as const) {
    const value = filter[column];
    if (value !== undefined) query.andWhere(`run.${column} = :${column}`, { [column]: value });
  }
  if (filter.among) query.andWhere('run.dataset = ANY (:among)', { among: [...filter.among] });
  if (filter.deadLetter === true) query.andWhere('run.dead_lettered_at IS NOT NULL AND run.redriven_as IS NULL');
  if (filter.deadLetter === false) query.andWhere('(run.dead_lettered_at IS NULL OR run.redriven_as IS NOT NULL)');
  return query;
}
