import { isUtf8 } from 'node:buffer';
import { HeadgateError } from '../../kernel/index.js';
import { DEEPEST, tooDeep } from '../json-rows.js';

/** @throws HeadgateError BAD_USER_INPUT for bytes that are not UTF-8 */
export function utf8Text(bytes: Buffer): string {
  if (!isUtf8(bytes)) throw new HeadgateError('BAD_USER_INPUT', 'Expected a body in UTF-8.');
  const text = bytes.toString('utf8');
  return text.startsWith('\u{FEFF}') ? text.slice(1) : text;
}

/** A JSON text, and what it stands for. */
export interface ParsedJson {
  readonly text: string;
  readonly value: unknown;
}

/** As `parsedJson`, the text alone. */
export function jsonText(bytes: Buffer): string {
  return parsedJson(bytes).text;
}

/**
 * A JSON text on one line: line ends stand only between its parts, where blanks do as well.
 * @throws HeadgateError BAD_USER_INPUT for what is not JSON, or is nested too deep; without any of it
 */
export function parsedJson(bytes: Buffer): ParsedJson {
  const text = utf8Text(bytes);
  if (tooDeep(bytes, 0, bytes.length) >= 0) throw new HeadgateError('BAD_USER_INPUT', `The JSON is nested deeper than ${DEEPEST} levels.`);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new HeadgateError('BAD_USER_INPUT', 'The body is not JSON.');
  }
  return { text: (text.includes('\n') || text.includes('\r') ? text.replaceAll(/[\r\n]+/g, ' ') : text).trim(), value };
}
