import { isUtf8 } from 'node:buffer';
import { membersOf } from '../../json-members.js';
import { JsonTree } from '../../json-tree.js';
import { rowText, type RowSources } from '../../row-members.js';
import type { MessageFact } from '../parts/index.js';
import type { Message } from './broker.js';

const SPACE = 0x20;
const CLOSE_OBJECT = 0x7d;
const COMMA = Buffer.from(',');

/** The pieces of a row. */
type Filled = (row: Buffer) => readonly Buffer[];

/** What makes of a row in a message the one that is loaded; undefined where that is the same. A row that is broken stays so: the load says what is wrong. */
export function rowFiller({ fields, rest }: { readonly [Key in keyof RowSources]?: RowSources[Key] | undefined }): ((message: Message) => Filled) | undefined {
  if (!fields) return undefined;
  const sources = { fields, rest };
  const entries = Object.entries(fields);
  // Members stay where they are, so that a row need not be taken apart.
  const isAdded = rest && entries.every(([, from]) => from.startsWith('$'));
  return (message) => {
    if (!isAdded) return (row) => [madeOf(row, sources, message)];
    const added = Buffer.from(entries.map(([name, fact]) => `${JSON.stringify(name)}:${factOf(message, fact)}`).join(','));
    return (row) => withMembers(row, added);
  };
}

function madeOf(row: Buffer, sources: RowSources, message: Message): Buffer {
  const text = row.toString('utf8');
  const tree = new JsonTree(text);
  if (tree.members?.size === 0 && !membersOf(text)) return row;
  return Buffer.from(rowText(sources, tree, (fact) => factOf(message, fact)));
}

/** As JSON. */
function factOf({ time, place, subject, stream, topic, partition, offset, key, headers }: Message, fact: string): string {
  const facts: Readonly<Record<MessageFact, () => unknown>> = {
    $receivedAt: () => new Date(time).toISOString(),
    $position: () => String(place),
    $subject: () => subject,
    $stream: () => stream,
    $topic: () => topic,
    $partition: () => partition,
    $offset: () => offset,
    $key: () => textOf(key),
    $headers: () => Object.fromEntries((headers ?? []).map(([name, value]) => [textOf(name) ?? '', textOf(value)])),
  };
  return JSON.stringify(facts[fact as MessageFact]() ?? null);
}

/** Null for what is none. */
function textOf(bytes: Uint8Array | null | undefined): string | null {
  return bytes && isUtf8(bytes) ? Buffer.from(bytes).toString('utf8') : null;
}

/** The members go to the end, where they count when the message has the same ones. */
function withMembers(row: Buffer, added: Buffer): readonly Buffer[] {
  const end = row.lastIndexOf(CLOSE_OBJECT);
  if (end < 0) return [row];
  let at = 1;
  while (at < end && (row[at] as number) <= SPACE) at += 1;
  return [row.subarray(0, end), ...(at === end ? [] : [COMMA]), added, row.subarray(end)];
}
