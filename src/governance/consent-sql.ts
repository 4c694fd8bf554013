import { identifier, sql, type Sql } from '../sql/index.js';

/**
 * Holds for the rows of persons whose consent is in force at the moment of the statement; for rows of nobody it does not. The
 * database joins it to the table, by hashing or by an index, and it raises on no value.
 * @param subject the column that says which person a row is about
 * @param purpose SQL of type text
 * @param alias a name that nothing else in the statement has
 */
export function consentSql(subject: Sql, purpose: Sql, alias: Sql): Sql {
  const is = sql`${alias}.subject = (${subject})::text COLLATE "C"`;
  return sql`EXISTS (SELECT FROM ${identifier('consent', 'in_force')} AS ${alias} WHERE ${alias}.purpose = ${purpose} AND ${is})`;
}
