import { isFetched } from '../catalog/index.js';
import { tokenSql, type MaskKeys } from '../governance/index.js';
import { sha256 } from '../kernel/index.js';
import { join, literal, raw, renderParameters, sql, type Sql } from '../sql/index.js';
import { inBytes } from './answer-bytes.js';
import { NO_STATEMENT, type CompiledRead } from './compiled-read.js';
import { governedFetch } from './fetch-plan.js';
import { reliedColumns } from './relied-columns.js';
import { slotSql } from './slot.js';
import { SourceContext, type Place, type Source } from './source.js';
import type { GovernedTokens } from './token-plan.js';

export interface TokenCompileOptions {
  readonly maskKeys: MaskKeys;
  /** Of JSON that a statement may give. */
  readonly maxBytes: number;
}

/**
 * Looks through all rows that may be seen for those whose value has one of the tokens, under any of the scopes. The request's one value is
 * the list of tokens; the answer a JSON list of [token, scope, value].
 */
export function compileTokens(plan: GovernedTokens, scopes: readonly string[], options: TokenCompileOptions): CompiledRead {
  return compileAnywhere(plan, options, (source) => {
    const value = source.column(plan.field);
    const made = scopes.map((scope) => sql`(${literal(scope)}, ${tokenSql(scope, value, options.maskKeys)})`);
    // The row filter and what may raise an error stand in the source's subquery; the tokens are made of what is left.
    const from = sql`${source.toSql()} CROSS JOIN LATERAL (VALUES ${join(made)}) AS m (scope, token)`;
    const found = sql`SELECT m.token, m.scope, min(${value} COLLATE "C") AS value FROM ${from} WHERE m.token = ANY(${slotSql({ slot: 0, type: 'text[]' })}) GROUP BY m.token, m.scope`;
    return sql`SELECT json_agg(json_build_array(f.token, f.scope, f.value)) AS answer FROM (${found}) AS f`;
  });
}

/** Which of some values stand in a row that may be seen: the request's one value is their list, and the answer a JSON list of those. */
export function compilePresence(plan: GovernedTokens, options: TokenCompileOptions): CompiledRead {
  return compileAnywhere(plan, options, (source) => {
    const wanted = sql`${source.equated(plan.field)} = ANY(${slotSql({ slot: 0, type: 'text[]' })})`;
    const found = sql`SELECT DISTINCT ${source.column(plan.field)} AS value FROM ${source.toSql()} WHERE ${wanted}`;
    return sql`SELECT json_agg(f.value) AS answer FROM (${found}) AS f`;
  });
}

function compileAnywhere(plan: GovernedTokens, options: TokenCompileOptions, answer: (source: Source) => Sql): CompiledRead {
  const { source: at } = plan.decision.dataset;
  if (!at || isFetched(plan.decision.dataset)) return compileAt(plan, options, answer);
  const elsewhere = { source: at.source, datasets: [plan.decision.dataset], compile: (place: Place) => compileAt(plan, options, answer, place) };
  return { ...NO_STATEMENT, elsewhere };
}

function compileAt({ decision }: GovernedTokens, { maskKeys, maxBytes }: TokenCompileOptions, answer: (source: Source) => Sql, place?: Place): CompiledRead {
  const { dataset } = decision;
  const context = new SourceContext(new Map([[dataset.name, decision]]), maskKeys, place);
  const found = answer(context.source(dataset));
  const sent = inBytes(maxBytes, [raw('a.answer')], [true]);
  const relied = reliedColumns(place);
  const list = join([...sent.values, ...sent.size, ...relied.columns]);
  const statement = sql`SELECT ${list} FROM (SELECT coalesce(b.answer::text, '[]') AS answer FROM (${found}) AS b) AS a`;
  const { text, parameters } = renderParameters(statement, place?.dialect.words);
  return {
    ...NO_STATEMENT,
    name: `hg_${sha256(text).slice(0, 40)}`,
    text,
    parameters,
    mayFail: context.hasBarrier,
    tokens: relied.tokens,
    ...(isFetched(dataset) && { fetch: { source: dataset.source.source, datasets: context.fetchedShapes.map((shape) => governedFetch(shape, decision)) } }),
    ...sent.bound,
  };
}
