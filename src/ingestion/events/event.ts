/** What an event says of itself beside its data: the attributes of CloudEvents 1.0, those of extensions among them. */
export type Attributes = Readonly<Record<string, string | number | boolean>>;

/** One event as it came. Data is kept as it was written: numbers have all their digits. */
export interface ReceivedEvent {
  readonly attributes: Attributes;
  /** `json`: the text of a JSON value. `binary`: in base64. */
  readonly kind: 'json' | 'text' | 'binary' | 'none';
  readonly data: string;
}

/** An event without an id can't be told from others; the id is for who reads, too. */
export function idOf({ attributes }: ReceivedEvent): string {
  return String(attributes['id'] ?? '');
}

/** The bytes of an event while it waits. */
export function writtenEvent({ attributes, kind, data }: ReceivedEvent): Buffer {
  return Buffer.from(`${JSON.stringify({ kind, attributes })}\n${data}`);
}

/** The event of the bytes. */
export function readEvent(bytes: Buffer): ReceivedEvent {
  const end = bytes.indexOf('\n');
  const { kind, attributes } = JSON.parse(bytes.toString('utf8', 0, end)) as Pick<ReceivedEvent, 'kind' | 'attributes'>;
  return { kind, attributes, data: bytes.toString('utf8', end + 1) };
}
