import type { API, fetchV13, Reader } from '@platformatic/kafka';
import { kafkaClient } from './kafka-client.js';
import type { AbortedTransaction } from './kafka-records.js';

/** What a broker answers of the one partition that it was asked for. */
export interface FetchedPartition {
  /** Of the protocol; 0 for none. */
  readonly error: number;
  /** The offset that the next message will have. */
  readonly end: number;
  readonly aborted: readonly AbortedTransaction[];
  readonly records: Buffer | null;
}

type FetchApi = API<fetchV13.FetchRequest, FetchedPartition | undefined>;

/**
 * The request for messages, by ids of topics or, as older brokers have it, by their names. The client's own takes batches apart with the
 * answer, and fails as a whole where one of them is broken.
 */
export async function fetchApi(by: 'id' | 'name'): Promise<FetchApi> {
  const { createAPI, fetchV11, fetchV13 } = await kafkaClient();
  return by === 'id'
    ? createAPI(1, 13, fetchV13.createRequest, (_id, _key, _version, reader) => read(reader, true))
    : createAPI(1, 11, fetchV11.createRequest, (_id, _key, _version, reader) => read(reader, false), false, false);
}

/** `delay error session [topic [partition error end stable first [producer first] replica records]]`. */
function read(answer: Reader, isFlexible: boolean): FetchedPartition | undefined {
  answer.readInt32();
  const error = answer.readInt16();
  answer.readInt32();
  const partition = (reader: Reader): FetchedPartition => {
    reader.readInt32();
    const own = reader.readInt16();
    const end = Number(reader.readInt64());
    reader.readInt64();
    reader.readInt64();
    const transaction = (each: Reader) => ({ producerId: each.readInt64(), firstOffset: each.readInt64() });
    const aborted = reader.readNullableArray(transaction, isFlexible, isFlexible) ?? [];
    reader.readInt32();
    return { error: own, end, aborted, records: reader.readNullableBytes(isFlexible) };
  };
  const topic = (reader: Reader) => {
    if (isFlexible) reader.readUUID();
    else reader.readString(false);
    return reader.readArray(partition, isFlexible, isFlexible);
  };
  const [found] = answer.readArray(topic, isFlexible, isFlexible).flat();
  return error === 0 ? found : { error, end: 0, aborted: [], records: null };
}
