import { prepareValue } from 'pg/lib/utils.js';
import { join, Parameter, raw, render, sql, type Sql } from './fragment.js';
import { literal } from './identifier.js';

/**
 * The statement's text with its values in it, each as a literal of its parameter's type: for COPY, which takes no
 * parameters. PostgreSQL reads the same text as it would beside the statement.
 * @param valueOf what a parameter's value stands for in this run
 * @throws HeadgateError BAD_USER_INPUT for a text with NUL.
 */
export function renderLiterals(statement: Sql, valueOf: (value: unknown) => unknown): string {
  const pieces = statement.parts.map((part) => {
    if (part instanceof Parameter) return sql`(${literalOf(valueOf(part.value))}::${raw(part.type)})`;
    return raw(typeof part === 'string' ? part : part.text);
  });
  return render(join(pieces, '')).text;
}

function literalOf(value: unknown): Sql {
  const prepared = prepareValue(value);
  if (prepared === null) return raw('NULL');
  // Bytes as PostgreSQL writes them.
  return literal(typeof prepared === 'string' ? prepared : `\\x${prepared.toString('hex')}`);
}
