import { HeadgateError } from '../kernel/index.js';
import { isRemoteName } from './field-spec.js';

export interface SchemaTable {
  readonly schema: string;
  readonly name: string;
}

/** Names as they stand: nothing is folded to lower case. One in quotes may hold dots, and quotes that are doubled. */
const PART = /(?:"((?:[^"]|"")+)"|([^".]+))/;
const TABLE = new RegExp(`^${PART.source}\\.${PART.source}$`, 'u');

/** `billing.invoices` -> its schema and its name; undefined when it is not of that form. */
export function parseTableName(text: string): SchemaTable | undefined {
  const match = TABLE.exec(text);
  if (!match) return undefined;
  const part = (quoted: string | undefined, plain: string | undefined) => quoted?.replaceAll('""', '"') ?? plain ?? '';
  const [schema, name] = [part(match[1], match[2]), part(match[3], match[4])];
  return isRemoteName(schema) && isRemoteName(name) ? { schema, name } : undefined;
}

/** One text for one table: quotes only where they are needed. */
export function tableNameText(table: string | SchemaTable): string {
  const parsed = typeof table === 'string' ? parseTableName(table) : table;
  if (!parsed) throw new HeadgateError('BAD_USER_INPUT', 'A table is named schema.table.');
  return [parsed.schema, parsed.name].map((part) => (/[".]/.test(part) ? `"${part.replaceAll('"', '""')}"` : part)).join('.');
}
