import type { RecordsBatch } from '@platformatic/kafka';
import type { Message } from './broker.js';
import type { UnreadableBatch } from './kafka-batches.js';

export interface KafkaMessage extends Message {
  readonly place: string;
  readonly offset: number;
}

/** A transaction that was given up: what its producer wrote from there on, until the mark of its end, is no message. */
export interface AbortedTransaction {
  readonly producerId: bigint;
  readonly firstOffset: bigint;
}

interface Reading {
  /** What comes before it was asked for with the batch that it is in, and is known. */
  readonly from: number;
  readonly aborted: readonly AbortedTransaction[];
  readonly topic: string;
  readonly partition: number;
}

/** Attributes of a batch. */
const IS_LOG_APPEND_TIME = 8;
const IS_TRANSACTIONAL = 16;
const IS_CONTROL = 32;
/** What a date can be. */
const LATEST_TIME = 8.64e15;
const NOTHING = new Uint8Array(0);

/** The messages of batches as they were fetched, and the offset that comes after all of them. */
export function messagesOf(
  batches: readonly (RecordsBatch | UnreadableBatch)[],
  { from, aborted, topic, partition }: Reading,
): { messages: KafkaMessage[]; next: number } {
  const pending = aborted.toSorted((a, b) => Number(a.firstOffset - b.firstOffset));
  const discarded = new Set<bigint>();
  const messages: KafkaMessage[] = [];
  let next = from;
  for (const batch of batches) {
    if ('reason' in batch) {
      next = Math.max(next, batch.last + 1);
      messages.push(unreadable(batch, partition, topic));
      continue;
    }
    const first = Number(batch.firstOffset);
    const last = first + batch.lastOffsetDelta;
    for (let begun = pending[0]; begun && Number(begun.firstOffset) <= last; begun = pending[0]) {
      discarded.add(begun.producerId);
      pending.shift();
    }
    next = Math.max(next, last + 1);
    if (batch.attributes & IS_CONTROL) discarded.delete(batch.producerId);
    else if (!(batch.attributes & IS_TRANSACTIONAL) || !discarded.has(batch.producerId)) {
      for (const { offsetDelta, timestampDelta, key, value, headers } of batch.records) {
        const offset = first + offsetDelta;
        if (offset < from) continue;
        const time = batch.attributes & IS_LOG_APPEND_TIME ? batch.maxTimestamp : batch.firstTimestamp + timestampDelta;
        messages.push({
          place: `${partition}/${offset}`,
          data: value ?? NOTHING,
          // Producers may say anything.
          time: Math.min(Math.max(Number(time), 0), LATEST_TIME),
          topic,
          key,
          headers,
          partition,
          offset,
        });
      }
    }
  }
  return { messages, next };
}

/** In the place of all messages of the batch. */
function unreadable({ first, last, reason }: UnreadableBatch, partition: number, topic: string): KafkaMessage {
  const place = last > first ? `${partition}/${first}-${last}` : `${partition}/${first}`;
  // When they were sent is not known; no row comes of them.
  return { place, data: NOTHING, time: Date.now(), topic, partition, offset: last, broken: reason };
}
