import type { MaskKeys } from '../governance/index.js';
import type { Principal } from '../identity/index.js';
import { renderParameters, sql } from '../sql/index.js';
import type { PreparedQuery } from '../store/index.js';
import { bind } from './binding.js';
import { compileExport } from './export-compile.js';
import type { GovernedExport } from './export-plan.js';
import { readError } from './store-executor.js';

/** A statement that counts the rows which an export would give now, for the reader's pool. */
export interface BoundCount {
  readonly query: PreparedQuery;
  readonly errorOf: (error: unknown) => unknown;
}

/** @param values the request's values, by slot */
export function countExport(plan: GovernedExport, maskKeys: MaskKeys, values: readonly unknown[], principal: Principal): BoundCount {
  const { query, mayFail } = compileExport(plan, maskKeys, 'columns');
  const { text, parameters } = renderParameters(sql`SELECT count(*)::text FROM (${query}) AS counted`);
  return { query: { text, values: bind(parameters, { values, claims: principal.claims }) }, errorOf: (error) => readError(error, mayFail) };
}
