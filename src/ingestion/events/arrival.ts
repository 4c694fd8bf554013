import type { Actor } from '../../audit/index.js';
import type { ContentCipher } from '../../vault/index.js';
import { idOf, writtenEvent, type ReceivedEvent } from './event.js';

/** Events of one request, on their way into the inbox together. */
export interface Arrival {
  readonly source: string;
  readonly actor: Actor;
  readonly events: readonly ArrivingEvent[];
  /** Of a request whose ids are not signed: what stands for the signed text. No two requests with one are taken. */
  readonly nonce?: { readonly key: string; readonly seconds: number } | undefined;
}

export interface ArrivingEvent {
  readonly id: string;
  /** A keyed hash of the id, in hex. */
  readonly key: string;
  /** A keyed hash of what makes the event, in hex; undefined where the sender may send it again with other content. */
  readonly hash: string | undefined;
  /** Encrypted. */
  readonly content: Buffer;
  /** How long it is known by its id. */
  readonly seconds: number;
}

/** What became of one event of a request that was taken. */
export interface Receipt {
  readonly id: string;
  /** It was received before: nothing was done now. */
  readonly duplicate: boolean;
  /** It was received before with other content, which stays as it is. */
  readonly conflict?: true;
}

/** Under which keys the contents of a source's events are encrypted. */
export function inboxOf(source: string): string {
  return `inbox/${source}`;
}

/** What an encrypted event belongs to. @param key in hex */
export function placeOf(source: string, key: string): string {
  return `${source}/${key}`;
}

export interface ArrivingOptions {
  readonly source: string;
  readonly cipher: ContentCipher;
  readonly seconds: number;
  readonly mayVary: boolean;
}

/** One event, as it is kept. CloudEvents are told apart by source and id together. */
export function arriving(event: ReceivedEvent, { source, cipher, seconds, mayVary }: ArrivingOptions): ArrivingEvent {
  const { attributes, kind, data } = event;
  const id = idOf(event);
  const key = cipher.hash('id', String(attributes['source'] ?? ''), id);
  const hash = mayVary ? undefined : cipher.hash('event', String(attributes['type'] ?? ''), kind, data);
  return { id, key, hash, content: cipher.seal(placeOf(source, key), writtenEvent(event)), seconds };
}
