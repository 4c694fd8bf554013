import type { Dataset } from '../../catalog/index.js';
import { isHeadgateError, type HeadgateError } from '../../kernel/index.js';
import { JsonTree } from '../json-tree.js';

/** Which row of a batch the load could not take, where it says so; from 0. */
export function refusedRow(error: unknown, rows: number): number | undefined {
  const line = isHeadgateError(error) ? Number(error.details['line'] ?? error.details['row']) : Number.NaN;
  return Number.isInteger(line) && line >= 1 && line <= rows ? line - 1 : undefined;
}

/** The load as a whole was refused for what is in it; not for how many rows of it are bad, which smaller batches would only hide. */
export function isPoison(error: unknown): error is HeadgateError {
  return isHeadgateError(error) && error.code === 'DATA_REJECTED' && error.details['examples'] === undefined;
}

/**
 * A row that goes to quarantine in the place of one with which no batch can be loaded, and would hold up all that come after
 * it. It is the whole row as a text. Of a dataset with encrypted fields only what its contract knows is kept: nobody has said
 * whether anything else may lie there plain.
 */
export function substitute(row: string, { fields }: Dataset, maxBytes: number): string {
  const encrypted = fields.filter((field) => field.encrypted);
  const [carrier] = encrypted;
  if (!carrier) {
    const whole = JSON.stringify(row);
    // Quotes and escapes make it longer, at worst six times.
    return Buffer.byteLength(whole) <= maxBytes ? whole : JSON.stringify(row.slice(0, Math.floor(maxBytes / 6) - 2));
  }
  const tree = row.startsWith('{') ? new JsonTree(row).members : undefined;
  const known = fields.flatMap(({ name }) => {
    const text = tree?.get(name)?.text;
    return text === undefined || name === carrier.name || /^[{[]/.test(text) ? [] : [`${JSON.stringify(name)}:${text}`];
  });
  const kept = known.join(',').length < maxBytes / 2 ? known : [];
  // A list is no value of an encrypted field: the row is refused, and tells nothing of it.
  return `{${[...kept, `${JSON.stringify(carrier.name)}:[]`].join(',')}}`;
}
