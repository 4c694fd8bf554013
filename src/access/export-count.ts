import type { MaskKeys } from '../governance/index.js';
import type { Principal } from '../identity/index.js';
import { renderParameters, sql } from '../sql/index.js';
import type { PreparedQuery } from '../store/index.js';
import { bind } from './binding.js';
import { compileExport } from './export-compile.js';
import type { GovernedExport } from './export-plan.js';
import { secretsFor, type Cipher } from './opening.js';
import { readError } from './store-executor.js';

/** A statement that counts the rows which an export would give now, for the reader's pool. */
export interface BoundCount {
  readonly query: PreparedQuery;
  readonly errorOf: (error: unknown) => unknown;
}

export interface CountArgs {
  readonly maskKeys: MaskKeys;
  /** The request's, by slot. */
  readonly values: readonly unknown[];
  readonly principal: Principal;
  readonly cipher: Cipher;
}

export async function countExport(plan: GovernedExport, { maskKeys, values, principal: { claims }, cipher }: CountArgs): Promise<BoundCount> {
  const { query, mayFail, encryption } = compileExport(plan, maskKeys, 'columns');
  const { text, parameters } = renderParameters(sql`SELECT count(*)::text FROM (${query}) AS counted`);
  const secrets = await secretsFor(cipher, encryption.blinded);
  return { query: { text, values: bind(parameters, { values, claims, secrets }) }, errorOf: (error) => readError(error, mayFail) };
}
