import { atPointer, isRawNumber, parseExactJson, pointerKeys } from '../../../kernel/index.js';
import { rejected } from '../../rejection.js';
import { rowMembers, type RowSources } from '../../row-members.js';
import { momentOf, type Since } from '../parts/since.js';
import { JsonText, broken, parsed, type Slice } from './json-text.js';

export interface PageShape {
  /** A JSON pointer to the array of rows. */
  readonly items: string;
  readonly fields?: Readonly<Record<string, string>> | undefined;
  readonly rest?: true | undefined;
  readonly since?: Pick<Since, 'pointer' | 'format'> | undefined;
}

/** One page of an answer. */
export interface Page {
  /** A row on each line. */
  readonly rows: Buffer;
  readonly count: number;
  /** The answer without its rows. */
  readonly rest: unknown;
  /** The latest of its rows. */
  readonly newest: number | undefined;
}

const EMPTY_ARRAY = Buffer.from('[]');

/**
 * Takes an answer apart: its rows, as they were written, and what else it says.
 * @throws HeadgateError DATA_REJECTED for what is no JSON, has no array where it should be, or rows that do not say when they were changed
 */
export function pageOf(body: Buffer, { items, fields, rest: isRestTaken, since }: PageShape, receivedAt: Date): Page {
  const text = new JsonText(body);
  const array = arrayAt(text, items);
  const rest = parsed(
    array ? Buffer.concat([body.subarray(text.whole().from, array.from), EMPTY_ARRAY, body.subarray(array.to)]).toString() : text.text(text.whole()),
  );
  const sources = fields && { fields, rest: isRestTaken };
  const received = receivedAt.toISOString();
  const lines: string[] = [];
  let newest: number | undefined;
  for (const slice of array ? text.elements(array) : []) {
    const written = text.text(slice);
    // Each is read, so that of an answer that is broken somewhere nothing is taken.
    const row = exact(written);
    lines.push(sources ? JSON.stringify(made(row, sources, received)) : oneLine(written));
    const moment = since && momentOf(plain(atPointer(row, since.pointer)), since.format);
    if (moment !== undefined) newest = Math.max(newest ?? moment, moment);
  }
  if (since && lines.length > 0 && newest === undefined) {
    throw rejected(`No row of a page has ${since.pointer} as ${since.format ?? 'iso'}. Look at since: its pointer leads into a row.`);
  }
  return { rows: Buffer.from(lines.map((line) => `${line}\n`).join('')), count: lines.length, rest, newest };
}

/** Null in its place means no rows. */
function arrayAt(text: JsonText, items: string): Slice | undefined {
  let found: Slice | undefined = text.whole();
  for (const key of pointerKeys(items)) found = found && text.member(found, key);
  if (found && text.isArray(found)) return found;
  if (found && text.text(found) === 'null') return undefined;
  const where = items === '' ? 'as a whole' : `at ${items}`;
  throw rejected(`What the source answers has no array ${where}. Look at items, a JSON pointer to the rows.`);
}

function exact(text: string): unknown {
  try {
    return parseExactJson(text);
  } catch {
    throw broken();
  }
}

function plain(value: unknown): unknown {
  return isRawNumber(value) ? Number(value.rawJSON) : value;
}

function made(row: unknown, sources: RowSources, receivedAt: string): Record<string, unknown> {
  const members = typeof row === 'object' && row !== null && !isRawNumber(row) ? Object.entries(row) : [];
  return Object.fromEntries(rowMembers<unknown>(sources, { members, at: (pointer) => atPointer(row, pointer), fact: () => receivedAt }));
}

/** Line ends between the members of a row are white space. */
function oneLine(text: string): string {
  return /[\r\n]/.test(text) ? text.replaceAll(/[\r\n]/g, ' ') : text;
}
