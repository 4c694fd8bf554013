import { columnType, type Dataset } from '../catalog/index.js';
import { join, raw, sql, type Sql } from '../sql/index.js';
import type { Json } from './json-object.js';
import type { RelationMember } from './parts.js';

/**
 * What stands in an answer for rows of another place until they are fetched: the number of the relation, and the values of
 * its keys in this row, as a JSON list of texts and nulls. A control character begins and ends it, which no JSON text holds.
 */
const MARK = '\u0001';
const PLACEHOLDER = new RegExp(`${MARK}(\\d+)(\\[[^${MARK}]*\\])${MARK}`, 'g');

export function placeholderSql(index: number, keys: readonly Sql[]): Json {
  const start = raw(`'\\x${Buffer.from(`${MARK}${index}`).toString('hex')}'::bytea`);
  const end = raw(`'\\x${Buffer.from(MARK).toString('hex')}'::bytea`);
  const texts = keys.map((key) => sql`(${key})::text`);
  return sql`(${start} || json_send(json_build_array(${join(texts)})) || ${end})`;
}

/** A place in an answer that waits for rows. */
export interface Placeholder {
  readonly index: number;
  /** A JSON list of texts and nulls. */
  readonly keys: string;
}

/** The pieces of an answer between its placeholders, one more than those. */
export function takeApart(json: string): { readonly pieces: readonly string[]; readonly placeholders: readonly Placeholder[] } {
  const parts = json.split(PLACEHOLDER);
  const pieces: string[] = [];
  const placeholders: Placeholder[] = [];
  for (let i = 0; i < parts.length; i += 3) {
    pieces.push(parts[i] ?? '');
    if (i + 2 < parts.length) placeholders.push({ index: Number(parts[i + 1]), keys: parts[i + 2] ?? '[]' });
  }
  return { pieces, placeholders };
}

/** The types of the values that lead over, as the near side has them. */
export function keyTypes({ relation }: RelationMember, from: Dataset): readonly string[] {
  return relation.on.map(({ local }) => {
    const field = from.fields.find(({ name }) => name === local);
    if (!field) throw new Error(`${from.name} has no field ${local}`);
    return columnType(field);
  });
}
