import { randomBytes } from 'node:crypto';
import type { Actor } from '../../audit/index.js';
import { DEFAULT_MAX_WAITING, DEFAULT_REMEMBER, parseDuration, resolveSecret, type EventsSourceSpec } from '../../catalog/index.js';
import { HeadgateError, isHeadgateError, type Log } from '../../kernel/index.js';
import type { Database } from '../../store/index.js';
import type { ContentCipher, FieldCipher } from '../../vault/index.js';
import { arriving, inboxOf, type Receipt } from './arrival.js';
import { InboxGauge } from './inbox-gauge.js';
import type { Inbox } from './inbox.js';
import { requestEvents, type RequestEvents } from './request-events.js';
import { SignatureCheck, type Headers, type Signed, type Verdict } from './signature.js';

export interface EventReceiverOptions {
  readonly database: Pick<Database, 'query'>;
  readonly inbox: Pick<Inbox, 'receive'>;
  readonly cipher: Pick<FieldCipher, 'contents'>;
  /** `HEADGATE_SECRET_*` by their full names. */
  readonly secrets: ReadonlyMap<string, string>;
  readonly log: Log;
  /** Bytes of one event. */
  readonly maxEventBytes: number;
}

/** A request that may send, with its bytes as they came. */
export interface EventRequest {
  readonly headers: Headers;
  readonly body: Buffer;
  /** Absent where a token, not a signature, says who sends. */
  readonly signed?: Signed | undefined;
  readonly actor: Actor;
}

/** Takes the requests of senders: who they are, what they hold, and into the inbox with it. */
export class EventReceiver {
  readonly #options: EventReceiverOptions;
  readonly #gauge: InboxGauge;
  /** By its document: another one has another check. */
  readonly #checks = new WeakMap<EventsSourceSpec, SignatureCheck>();
  /** Of sources that are not there: it takes as long, and nothing is right. */
  readonly #nobody = new SignatureCheck({ secrets: [] }, [randomBytes(32).toString('base64')]);

  constructor(options: EventReceiverOptions) {
    this.#options = options;
    this.#gauge = new InboxGauge(options.database);
  }

  /** Whether a request is signed as the source's document says. Without a source the same is done, for nothing. */
  verify(source: EventsSourceSpec | undefined, headers: Headers, body: Buffer): Verdict {
    const check = source && this.#checkOf(source);
    const verdict = (check ?? this.#nobody).verify(headers, body);
    return check ? verdict : { refused: 'signature' };
  }

  /**
   * Resolves when all events of the request are durable.
   * @throws HeadgateError BAD_USER_INPUT, QUERY_TOO_COMPLEX for what is no event; UNAVAILABLE with `retryAfter` (seconds); CONFLICT when
   *   an id came again with other content
   */
  async receive(source: EventsSourceSpec, { headers, body, signed, actor }: EventRequest): Promise<{ receipts: readonly Receipt[]; isMany: boolean }> {
    const { cipher: ciphers, inbox, maxEventBytes } = this.#options;
    const cipher = await reachable(ciphers.contents(inboxOf(source.name)));
    const check = this.#checkOf(source);
    const scheme = (check ?? this.#nobody).scheme;
    const request = requestEvents(headers, body, scheme, () => Buffer.from(cipher.hash('body', body), 'hex').toString('base64url'));
    if (signed && request.idFrom === 'ce' && !signed.covers.ce) {
      throw new HeadgateError(
        'BAD_USER_INPUT',
        'The ce- headers are not part of what this source has signed, so nobody knows who wrote them. Send the CloudEvent as application/cloudevents+json, or sign {ce}{body}.',
        { path: 'signs' },
      );
    }
    if (request.events.some(({ data }) => Buffer.byteLength(data) > maxEventBytes))
      throw new HeadgateError('QUERY_TOO_COMPLEX', `An event is larger than the ${maxEventBytes} bytes that HEADGATE_MAX_VALUE_BYTES allows.`, {
        expected: maxEventBytes,
      });
    await reachable(this.#gauge.admit(source.name, request.events.length, source.maxWaiting ?? DEFAULT_MAX_WAITING));
    const remember = parseDuration(source.remember ?? DEFAULT_REMEMBER) ?? 0;
    const replayable = check?.replayableSeconds;
    const seconds = request.idFrom === 'none' && replayable !== undefined ? replayable : remember;
    const mayVary = scheme.mayVary === true && request.idFrom === 'body' && check !== undefined;
    const receipts = await inbox.receive({
      source: source.name,
      actor,
      events: request.events.map((event) => arriving(event, { source: source.name, cipher, seconds, mayVary })),
      ...(signed && needsNonce(request, signed) && { nonce: { key: nonceOf(cipher, signed, body), seconds: replayable ?? remember } }),
    });
    const differing = receipts.filter(({ conflict }) => conflict);
    if (differing.length > 0) {
      throw new HeadgateError(
        'CONFLICT',
        request.isMany
          ? `${differing.length} of the ${receipts.length} events were received before with other content, which stays as it is; the others were taken. Give a new event a new id.`
          : 'An event with this id was received before with other content, which stays as it is. Give a new event a new id.',
        { events: receipts.flatMap(({ conflict }, i) => (conflict ? [i] : [])).slice(0, 100) },
      );
    }
    return { receipts, isMany: request.isMany };
  }

  #checkOf(source: EventsSourceSpec): SignatureCheck | undefined {
    if (!source.signature) return undefined;
    const known = this.#checks.get(source);
    if (known) return known;
    const secrets = source.signature.secrets.flatMap((reference) => {
      try {
        return [resolveSecret(reference, this.#options.secrets)];
      } catch {
        // Told to whoever runs the server; a sender hears that the signature is not right, which is so.
        this.#options.log.error(
          { source: source.name, variable: reference.slice(2, -1) },
          'the secret of a source is not set: nothing that is signed with it is taken',
        );
        return [];
      }
    });
    const check = new SignatureCheck(source.signature, secrets);
    this.#checks.set(source, check);
    return check;
  }
}

/** An id beside what was signed could be another one each time that a request is sent again: it is the signed text that may come once. */
function needsNonce({ idFrom }: RequestEvents, { covers }: Signed): boolean {
  return idFrom === 'header' && !covers.id;
}

function nonceOf(cipher: ContentCipher, { head }: Signed, body: Buffer): string {
  return cipher.hash('signed', head, body);
}

/** Nothing was asked of the database but what it surely has: when that fails it can't be reached. */
async function reachable<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (cause) {
    if (isHeadgateError(cause)) throw cause;
    throw new HeadgateError(
      'UNAVAILABLE',
      'The database does not take events now. Nothing was taken: send it again in a moment.',
      { retryAfter: 1 },
      { cause },
    );
  }
}
