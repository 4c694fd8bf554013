import { isUtf8 } from 'node:buffer';
import { isHeadgateError, pointerKeys } from '../../../kernel/index.js';
import { membersOf } from '../../json-members.js';
import { JsonRows } from '../../json-rows.js';
import type { RefusedMessage } from '../refused-messages.js';
import type { Message } from './broker.js';
import { rowFiller } from './message-fields.js';

const LF = 0x0a;
const CR = 0x0d;
const SPACE = 0x20;
const TABULATOR = 0x09;
const OPEN_OBJECT = 0x7b;
const OPEN_ARRAY = 0x5b;
/** No JSON has them, and the load kernel keeps them for itself. */
const CONTROL = [0x00, 0x01, 0x02];
const LINE_END = Buffer.from('\n');

/** How rows are in messages. */
export interface MessageFormat {
  readonly format?: 'json' | 'ndjson' | undefined;
  /** A JSON pointer. */
  readonly items?: string | undefined;
  readonly fields?: Readonly<Record<string, string>> | undefined;
  readonly rest?: true | undefined;
}

interface Reading {
  readonly format: MessageFormat;
  readonly maxBytes: number;
  /** Each row must be one that can be taken apart, and no refused one is kept: it holds values that are to be encrypted. */
  readonly sealed: boolean;
  readonly nameOf: (message: Message) => string;
}

/** The rows of messages as lines of NDJSON, and the messages that have none. */
export interface MessageRows {
  readonly content: Buffer;
  readonly rows: number;
  /** The place of the message that a line came with; lines count from 1. */
  readonly positionOf: (line: number) => string | undefined;
  /** The message that a line came with, as its place in the list. */
  readonly messageOf: (line: number) => number | undefined;
  readonly refused: readonly RefusedMessage[];
}

/**
 * Takes rows out of messages by their bytes, so that no message can spoil another one: a line is an object, whole or broken,
 * and what is not even that is refused by itself.
 */
export function readMessages(messages: readonly Message[], reading: Reading): MessageRows {
  const { format, nameOf, sealed } = reading;
  if (format.format !== 'ndjson' && format.items === undefined && !format.fields && !sealed) {
    const content = readPlain(messages, reading.maxBytes);
    if (content) {
      const positionOf = (line: number) => {
        const message = messages[line - 1];
        return message && nameOf(message);
      };
      return { content, rows: messages.length, positionOf, messageOf: (line) => line - 1, refused: [] };
    }
  }
  return readEach(messages, reading);
}

/** When each message is one object on one line, as nearly all are: the lines, joined. Undefined when one needs a closer look. */
function readPlain(messages: readonly Message[], maxBytes: number): Buffer | undefined {
  const content = Buffer.allocUnsafe(messages.reduce((sum, { data }) => sum + data.length + 1, 0));
  let at = 0;
  for (const { data } of messages) {
    if (data[0] !== OPEN_OBJECT || data.length > maxBytes || data.includes(LF)) return undefined;
    content.set(data, at);
    at += data.length;
    content[at] = LF;
    at += 1;
  }
  const isPlain = !content.includes(CR) && CONTROL.every((control) => !content.includes(control)) && isUtf8(content);
  return isPlain ? content : undefined;
}

function readEach(messages: readonly Message[], reading: Reading): MessageRows {
  const { nameOf, format } = reading;
  const pieces: Buffer[] = [];
  const refused: RefusedMessage[] = [];
  const messageOfLine: number[] = [];
  const partOfLine: number[] = [];
  const filler = rowFiller(format);
  messages.forEach((message, i) => {
    try {
      if (message.broken !== undefined) throw new Refusal(message.broken);
      const rows = rowsOf(Buffer.from(message.data.buffer, message.data.byteOffset, message.data.length), reading);
      const filled = filler?.(message);
      rows.forEach((row, part) => {
        pieces.push(...(filled ? filled(row) : [row]), LINE_END);
        messageOfLine.push(i);
        partOfLine.push(rows.length > 1 ? part + 1 : 0);
      });
    } catch (error) {
      if (!(error instanceof Refusal) && !isHeadgateError(error)) throw error;
      refused.push(refusedMessage(message, error.message, reading));
    }
  });
  const positionOf = (line: number) => {
    const message = messages[messageOfLine[line - 1] ?? -1];
    const part = partOfLine[line - 1];
    return message && `${nameOf(message)}${part ? `#${part}` : ''}`;
  };
  return { content: Buffer.concat(pieces), rows: messageOfLine.length, positionOf, messageOf: (line) => messageOfLine[line - 1], refused };
}

/** A message that goes to quarantine as a whole. */
export function refusedMessage(message: Message, why: string, { nameOf, sealed }: Pick<Reading, 'nameOf' | 'sealed'>): RefusedMessage {
  const text = sealed ? null : Buffer.from(message.data).toString('utf8').replaceAll('\0', '\ufffd');
  return { position: nameOf(message), raw: text, reason: why, bytes: message.data.length };
}

/** Why a message has no rows. */
class Refusal extends Error {}

/** @throws Refusal or HeadgateError when the message is not what it should be */
function rowsOf(data: Buffer, { format: { format = 'json', items }, maxBytes, sealed }: Reading): readonly Buffer[] {
  if (data.length > maxBytes) throw new Refusal(`the message is longer than the ${maxBytes} bytes that a row may have (HEADGATE_MAX_VALUE_BYTES)`);
  if (!isUtf8(data)) throw new Refusal('the message is not UTF-8');
  if (CONTROL.some((control) => data.includes(control))) throw new Refusal('the message holds a raw control character; JSON writes it as \\u00XX');
  const content = items === undefined ? data : valueAt(data, items);
  const rows = format === 'ndjson' ? linesOf(content) : content[firstByte(content)] === OPEN_ARRAY ? elementsOf(content) : [content];
  return rows.map((row) => oneObject(row, sealed));
}

/** The row as one line. What is broken inside of it is for the load to say, unless a line end would hide it. */
function oneObject(row: Buffer, sealed: boolean): Buffer {
  const from = firstByte(row);
  if (row[from] !== OPEN_OBJECT) throw new Refusal('expected a JSON object');
  const isLine = !row.includes(LF) && !row.includes(CR);
  if (isLine && !sealed) return from === 0 ? row : row.subarray(from);
  // A raw line end is white space between tokens, and wrong inside of a text.
  if (!membersOf(row.toString('utf8', from))) throw new Refusal('expected a JSON object');
  if (isLine) return row.subarray(from);
  const line = Buffer.from(row.subarray(from));
  for (const end of [LF, CR]) for (let at = line.indexOf(end); at >= 0; at = line.indexOf(end, at + 1)) line[at] = SPACE;
  return line;
}

function linesOf(content: Buffer): readonly Buffer[] {
  const lines: Buffer[] = [];
  for (let from = 0; from < content.length;) {
    const end = content.indexOf(LF, from);
    const to = end < 0 ? content.length : end;
    const line = content.subarray(from, to > from && content[to - 1] === CR ? to - 1 : to);
    if (firstByte(line) < line.length) lines.push(line);
    from = to + 1;
  }
  if (lines.length === 0) throw new Refusal('expected JSON objects, a line each');
  return lines;
}

function elementsOf(content: Buffer): readonly Buffer[] {
  const rows: Buffer[] = [];
  const reader = new JsonRows();
  reader.scan(content, true, (_position, _line, from, to) => rows.push(content.subarray(from, to)));
  reader.end();
  return rows;
}

/** The bytes of a value inside of the message: numbers stay as they are written. */
function valueAt(data: Buffer, pointer: string): Buffer {
  let text = data.toString('utf8');
  for (const name of pointerKeys(pointer)) {
    const member = membersOf(text)?.findLast((one) => one.name === name);
    if (!member) throw new Refusal(`the message has nothing at ${pointer}`);
    text = text.slice(member.from, member.to);
  }
  return Buffer.from(text);
}

function firstByte(bytes: Buffer): number {
  let at = 0;
  while (bytes[at] === SPACE || bytes[at] === TABULATOR || bytes[at] === LF || bytes[at] === CR) at += 1;
  return at;
}
