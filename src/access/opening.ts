import { randomBytes } from 'node:crypto';
import type { FieldCipher, SealedField } from '../vault/index.js';

/** What encrypts operands and decrypts values. */
export type Cipher = Pick<FieldCipher, 'open' | 'indexer'>;

/** Of a compiled statement: the encrypted fields that it gives, by their numbers in the answer, and those that it compares. */
export interface Encryption {
  readonly sealed: readonly SealedField[];
  readonly blinded: readonly SealedField[];
}

export const NOT_ENCRYPTED: Encryption = { sealed: [], blinded: [] };

const MARK_BYTES = 18;

/**
 * What one request alone knows. The mark stands in an answer before each envelope that the statement took from an encrypted
 * field: what looks like one and has no mark is somebody's text, and stays as it is. Nobody can guess it.
 */
export interface Secrets {
  readonly mark: string;
  readonly index: (field: SealedField, value: string) => string;
}

/** @param fields those whose blind indexes are needed */
export async function secretsFor(cipher: Cipher, fields: readonly SealedField[]): Promise<Secrets> {
  return { mark: randomBytes(MARK_BYTES).toString('base64url'), index: await cipher.indexer(fields) };
}

/** How values stand in an answer: as JSON, or in a file of CSV. */
export interface Notation {
  readonly quote: string;
  readonly write: (value: string | null) => string;
}

export const AS_JSON: Notation = { quote: '"', write: (value) => JSON.stringify(value) };
export const AS_CSV: Notation = { quote: '', write: (value) => (value === null ? '' : csvText(value)) };

/** As COPY writes it: nothing stands for null, so an empty text has quotes. */
function csvText(value: string): string {
  return value === '' || value === '\\.' || /[",\r\n]/.test(value) ? `"${value.replaceAll('"', '""')}"` : value;
}

/** A subject stands as hexadecimal digits of its UTF-8, so that nothing in it can be taken for something else. */
const REST = /(\d+)\.(n|s[0-9a-f]*)\.([A-Za-z0-9_.-]+)/y;

/** A text between envelopes, and what stood behind it. */
interface Apart {
  readonly pieces: readonly string[];
  readonly rest: string;
}

/**
 * Texts of an answer with the values of encrypted fields in the places of their envelopes; null for those that nobody can
 * open. All at once, so that the keys are asked for once.
 */
export async function opened(
  texts: readonly string[],
  fields: readonly SealedField[],
  { mark }: Secrets,
  cipher: Cipher,
  { quote, write }: Notation,
): Promise<readonly string[]> {
  const found: Sealed[] = [];
  const apart = texts.map((text) => takeApart(text, `${quote}${mark}.`, quote.length, fields, found));
  const values = await cipher.open(found);
  let next = 0;
  return apart.map(({ pieces, rest }) => {
    let text = '';
    // Strung together and not joined: an answer is large, and a join copies it.
    for (const piece of pieces) text += piece + write(values[next++] ?? null);
    return text + rest;
  });
}

type Sealed = Parameters<Cipher['open']>[0][number];

function takeApart(text: string, start: string, behind: number, fields: readonly SealedField[], found: Sealed[]): Apart {
  const pieces: string[] = [];
  let from = 0;
  for (let at = text.indexOf(start); at >= 0; at = text.indexOf(start, from)) {
    REST.lastIndex = at + start.length;
    const [rest = '', number, subject = 'n', envelope = ''] = REST.exec(text) ?? [];
    const field = fields[Number(number)];
    if (!field) throw new Error('a value of a field that the statement does not give');
    pieces.push(text.slice(from, at));
    found.push({ place: { ...field, subject: subject === 'n' ? null : Buffer.from(subject.slice(1), 'hex').toString('utf8') }, envelope });
    from = at + start.length + rest.length + behind;
  }
  return { pieces, rest: text.slice(from) };
}

const LF = 0x0a;

/** A file that comes in pieces, opened up to its last whole line each time: no line ends within an envelope. */
export async function* openedLines(
  chunks: AsyncIterable<Buffer>,
  fields: readonly SealedField[],
  secrets: Secrets,
  cipher: Cipher,
  notation: Notation,
): AsyncGenerator<Buffer> {
  const open = async (lines: Buffer): Promise<Buffer> => Buffer.from((await opened([lines.toString('utf8')], fields, secrets, cipher, notation))[0] ?? '');
  let waiting: Buffer[] = [];
  for await (const chunk of chunks) {
    const end = chunk.lastIndexOf(LF) + 1;
    if (end > 0) {
      const lines = Buffer.concat([...waiting, chunk.subarray(0, end)]);
      waiting = [];
      yield await open(lines);
    }
    if (end < chunk.length) waiting.push(Buffer.from(chunk.subarray(end)));
  }
  if (waiting.length > 0) yield await open(Buffer.concat(waiting));
}
