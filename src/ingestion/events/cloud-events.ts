import { HeadgateError } from '../../kernel/index.js';
import { elementsIn, membersIn, type JsonMember } from '../json-members.js';
import { checkedAttributes } from './attributes.js';
import type { ReceivedEvent } from './event.js';
import { jsonText, parsedJson, utf8Text, type ParsedJson } from './json-text.js';
import { single, type Headers } from './signature.js';

const CE = 'ce-';
const JSON_TYPE = /^[^;]*[/+]json\s*(?:;|$)/i;
const TEXT_TYPE = /^\s*text\//i;
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;
/** Events of one request. */
export const MOST_EVENTS = 10_000;

/**
 * A CloudEvent in binary mode: attributes in headers, data as the body.
 * https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/http-protocol-binding.md#31-binary-content-mode
 * @throws HeadgateError BAD_USER_INPUT for attributes that are not right
 */
export function binaryEvent(headers: Headers, body: Buffer): ReceivedEvent {
  const contentType = single(headers, 'content-type');
  const given = Object.keys(headers)
    .filter((name) => name.startsWith(CE))
    .map((name): [string, unknown] => {
      const attribute = name.slice(CE.length);
      const value = single(headers, name);
      if (value === undefined) throw bad(attribute, 'the header is there twice');
      if (attribute === 'datacontenttype') throw bad(attribute, 'it is in the header Content-Type, and nowhere else');
      return [attribute, decodedHeader(attribute, value)];
    });
  const attributes = checkedAttributes(contentType === undefined ? given : [...given, ['datacontenttype', contentType]]);
  if (body.length === 0) return { attributes, kind: 'none', data: '' };
  if (contentType === undefined || JSON_TYPE.test(contentType)) return { attributes, kind: 'json', data: jsonText(body) };
  if (TEXT_TYPE.test(contentType)) return { attributes, kind: 'text', data: utf8Text(body) };
  return { attributes, kind: 'binary', data: body.toString('base64') };
}

/** A CloudEvent in structured mode. @throws HeadgateError BAD_USER_INPUT */
export function structuredEvent(body: Buffer): ReceivedEvent {
  return eventOf(parsedJson(body), '');
}

/** A batch of CloudEvents; it may be empty. @throws HeadgateError BAD_USER_INPUT; QUERY_TOO_COMPLEX for too many */
export function batchedEvents(body: Buffer): ReceivedEvent[] {
  const { text, value } = parsedJson(body);
  const elements = elementsIn(text, value);
  if (!elements || !Array.isArray(value)) throw new HeadgateError('BAD_USER_INPUT', 'Expected a JSON list of CloudEvents.');
  refuseMany(elements.length);
  return elements.map(({ from, to }, i) => eventOf({ text: text.slice(from, to), value: value[i] as unknown }, `event ${i + 1}: `));
}

/** @throws HeadgateError QUERY_TOO_COMPLEX */
export function refuseMany(count: number): void {
  if (count > MOST_EVENTS)
    throw new HeadgateError('QUERY_TOO_COMPLEX', `Expected at most ${MOST_EVENTS} events in a request, got ${count}. Send several requests.`);
}

function eventOf({ text, value: parsed }: ParsedJson, where: string): ReceivedEvent {
  const members = membersIn(text, parsed);
  if (!members) throw new HeadgateError('BAD_USER_INPUT', `${where}Expected a CloudEvent as a JSON object.`);
  const values = Object.entries(parsed as Readonly<Record<string, unknown>>);
  // One program would take the first and another the last.
  if (values.length !== members.length) throw bad('attributes', 'a name is there twice', where);
  const valueOf = (member: JsonMember): string => text.slice(member.from, member.to);
  const data = members.find(({ name }) => name === 'data');
  const base64 = members.find(({ name }) => name === 'data_base64');
  const attributes = checkedAttributes(
    values.filter(([name]) => name !== 'data' && name !== 'data_base64'),
    where,
  );
  if (data && base64) throw bad('data_base64', 'an event has data or data_base64, not both', where);
  const type = attributes['datacontenttype'];
  const isJson = typeof type !== 'string' || JSON_TYPE.test(type);
  if (data) {
    const value = valueOf(data);
    if (isJson) return { attributes, kind: 'json', data: value };
    // Of another type it is that text; what is no text can only be JSON.
    return value.startsWith('"') ? { attributes, kind: 'text', data: JSON.parse(value) as string } : { attributes, kind: 'json', data: value };
  }
  if (!base64) return { attributes, kind: 'none', data: '' };
  const encoded = JSON.parse(valueOf(base64)) as unknown;
  if (typeof encoded !== 'string' || !BASE64.test(encoded)) throw bad('data_base64', 'expected a text in base64', where);
  return isJson ? { attributes, kind: 'json', data: jsonText(Buffer.from(encoded, 'base64')) } : { attributes, kind: 'binary', data: encoded };
}

/** As the HTTP binding says: out of quotes first, as older senders write them, then one round of percent-decoding. */
function decodedHeader(attribute: string, value: string): string {
  const quoted = /^"((?:[^"\\]|\\.)*)"$/s.exec(value);
  const plain = quoted ? (quoted[1] ?? '').replaceAll(/\\(.)/gs, '$1') : value;
  try {
    // Bytes beyond ASCII are not allowed and sent all the same: they are UTF-8 then.
    return decodeURIComponent(/[^\0-\x7f]/.test(plain) ? utf8Text(Buffer.from(plain, 'latin1')) : plain);
  } catch {
    throw bad(attribute, 'a % is followed by two hexadecimal digits, and all of them together are UTF-8');
  }
}

function bad(attribute: string, expected: string, where = ''): HeadgateError {
  const shown = /^[a-z0-9_]{1,100}$/.test(attribute) ? attribute : 'attributes';
  return new HeadgateError('BAD_USER_INPUT', `${where}${shown}: ${expected}.`, { path: shown });
}
