import { HeadgateError } from '../../kernel/index.js';
import { elementsOf } from '../json-members.js';
import { refuseMany } from './cloud-events.js';
import type { Attributes, ReceivedEvent } from './event.js';
import { jsonText } from './json-text.js';
import type { SigningScheme } from './presets.js';
import { single, type Headers } from './signature.js';

/** Of an id in a header or a body. */
const LONGEST_ID = 1_000;

/** What a webhook is, and where its id came from. */
export interface Webhook {
  readonly events: readonly ReceivedEvent[];
  /** `body` and `header`: the sender gave it. `none`: it has none, and is known by what it is. */
  readonly idFrom: 'body' | 'header' | 'none';
}

/**
 * Any JSON: an object is one event, each element of a list another, whose ids have its number behind.
 * @param fallback the id of what comes without one
 * @throws HeadgateError BAD_USER_INPUT for what is not JSON, or an id that makes no sense
 */
export function webhook(headers: Headers, body: Buffer, scheme: Pick<SigningScheme, 'id' | 'type' | 'members'>, fallback: () => string): Webhook {
  const text = jsonText(body);
  const elements = elementsOf(text);
  refuseMany(elements?.length ?? 1);
  const { members } = scheme;
  const top = members && !elements ? (JSON.parse(text) as unknown) : undefined;
  const inBody = members?.id === undefined ? undefined : memberText(top, members.id);
  const inHeader = idHeader(headers, scheme.id);
  const id = inBody ?? inHeader ?? fallback();
  const type = (scheme.type === undefined ? undefined : single(headers, scheme.type)) ?? (members && memberText(top, members.type));
  const attributes = (own: string): Attributes => ({ id: own, ...(type !== undefined && { type }) });
  const events = elements
    ? elements.map(({ from, to }, i): ReceivedEvent => ({ attributes: attributes(`${id}/${i}`), kind: 'json', data: text.slice(from, to) }))
    : [{ attributes: attributes(id), kind: 'json' as const, data: text }];
  return { events, idFrom: inBody !== undefined ? 'body' : inHeader !== undefined ? 'header' : 'none' };
}

function idHeader(headers: Headers, name: string): string | undefined {
  // Of one that has none of its own, the header that all routes know.
  const used = headers[name] ? name : 'idempotency-key';
  if (!headers[used]) return undefined;
  const value = single(headers, used);
  if (value !== undefined && value !== '' && value.length <= LONGEST_ID) return value;
  throw new HeadgateError('BAD_USER_INPUT', `${used}: expected it once, with 1 to ${LONGEST_ID} characters.`, { path: used });
}

/** An own member that is a text; nothing that an object inherits. */
function memberText(value: unknown, name: string): string | undefined {
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, name)) return undefined;
  const member = (value as Readonly<Record<string, unknown>>)[name];
  return typeof member === 'string' && member !== '' && member.length <= LONGEST_ID ? member : undefined;
}
