import { HeadgateError } from '../../kernel/index.js';
import { batchedEvents, binaryEvent, structuredEvent } from './cloud-events.js';
import type { ReceivedEvent } from './event.js';
import type { SigningScheme } from './presets.js';
import { single, type Headers } from './signature.js';
import { webhook } from './webhook.js';

/** The events of a request. */
export interface RequestEvents {
  readonly events: readonly ReceivedEvent[];
  /** Several may come, so that the answer is a list. */
  readonly isMany: boolean;
  /** Where their ids stood: in what every signature covers, in headers, or nowhere. */
  readonly idFrom: 'body' | 'ce' | 'header' | 'none';
}

const STRUCTURED = 'application/cloudevents+json';
const BATCHED = 'application/cloudevents-batch+json';
const JSON_TYPE = /^application\/(?:[a-z0-9.+-]+\+)?json$/;

/**
 * What a request holds: CloudEvents in one of their three modes, or a plain webhook.
 * @param fallback the id of a webhook that has none
 * @throws HeadgateError BAD_USER_INPUT, QUERY_TOO_COMPLEX; neither has anything of the content
 */
export function requestEvents(headers: Headers, body: Buffer, scheme: Pick<SigningScheme, 'id' | 'type' | 'members'>, fallback: () => string): RequestEvents {
  if (headers['content-encoding'] && single(headers, 'content-encoding')?.toLowerCase() !== 'identity')
    throw new HeadgateError('BAD_USER_INPUT', 'Events are taken as they are signed: send the body without a Content-Encoding.', { path: 'Content-Encoding' });
  const media = mediaOf(headers);
  if (media === STRUCTURED) return { events: [structuredEvent(body)], isMany: false, idFrom: 'body' };
  if (media === BATCHED) return { events: batchedEvents(body), isMany: true, idFrom: 'body' };
  if (media?.startsWith('application/cloudevents'))
    throw new HeadgateError('BAD_USER_INPUT', `Content-Type: of CloudEvents ${STRUCTURED} and ${BATCHED} are understood.`, { path: 'Content-Type' });
  if (headers['ce-specversion']) return { events: [binaryEvent(headers, body)], isMany: false, idFrom: 'ce' };
  if (media === undefined || !JSON_TYPE.test(media)) {
    throw new HeadgateError('BAD_USER_INPUT', 'Content-Type: expected application/json, or that of a CloudEvent with its ce- headers.', {
      path: 'Content-Type',
    });
  }
  const { events, idFrom } = webhook(headers, body, scheme, fallback);
  return { events, isMany: /^\s*\[/.test(body.toString('latin1', 0, 100)), idFrom };
}

/** The media type in lower case. @throws HeadgateError BAD_USER_INPUT for two of them, or characters that are not UTF-8 */
function mediaOf(headers: Headers): string | undefined {
  if (!headers['content-type']) return undefined;
  const text = single(headers, 'content-type');
  if (text === undefined) throw new HeadgateError('BAD_USER_INPUT', 'Content-Type: expected it once.', { path: 'Content-Type' });
  const [media = '', ...parameters] = text
    .toLowerCase()
    .split(';')
    .map((part) => part.trim());
  const charset = parameters
    .find((parameter) => parameter.startsWith('charset='))
    ?.slice('charset='.length)
    .replaceAll('"', '');
  if (charset !== undefined && charset !== 'utf-8' && charset !== 'utf8' && /json|cloudevents/.test(media))
    throw new HeadgateError('BAD_USER_INPUT', 'Content-Type: JSON is taken in UTF-8 alone.', { path: 'Content-Type' });
  return media;
}
