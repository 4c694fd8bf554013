/** A value of a changed row: its text; null; or undefined for a large one that did not change and was not sent. */
export type ChangedValue = string | null | undefined;

export interface RelationColumn {
  readonly name: string;
  readonly type: number;
  /** It is of what identifies a row. */
  readonly isKey: boolean;
}

/** A table as it was when the changes that follow were made. */
export interface Relation {
  readonly id: number;
  readonly schema: string;
  readonly name: string;
  /** `d`: by its primary key; `i`: by an index; `f`: by the whole row; `n`: by nothing. */
  readonly identity: string;
  readonly columns: readonly RelationColumn[];
}

/** A message of PostgreSQL's own plug-in for logical replication, version 1 of its protocol. */
export type PgoutputMessage =
  | { readonly kind: 'begin'; readonly commitLsn: bigint; readonly committedAt: Date }
  | { readonly kind: 'commit'; readonly endLsn: bigint }
  | { readonly kind: 'relation'; readonly relation: Relation }
  | { readonly kind: 'insert'; readonly relation: number; readonly row: readonly ChangedValue[] }
  /** `before`: what identified the row, where that changed or the whole row is its identity. */
  | { readonly kind: 'update'; readonly relation: number; readonly row: readonly ChangedValue[]; readonly before?: readonly ChangedValue[] | undefined }
  | { readonly kind: 'delete'; readonly relation: number; readonly before: readonly ChangedValue[] }
  | { readonly kind: 'truncate'; readonly relations: readonly number[] }
  /** Origins, types, and what later versions add. */
  | { readonly kind: 'other' };

/** Microseconds from 1970 to 2000, when PostgreSQL's time begins. */
const EPOCH_MS = 946_684_800_000;

/** https://www.postgresql.org/docs/current/protocol-logicalrep-message-formats.html */
export function pgoutputMessage(bytes: Buffer): PgoutputMessage {
  const reader = new Reader(bytes);
  switch (reader.letter()) {
    case 'B': {
      const commitLsn = reader.long();
      return { kind: 'begin', commitLsn, committedAt: postgresTime(reader.long()) };
    }
    case 'C':
      reader.skip(1 + 8);
      return { kind: 'commit', endLsn: reader.long() };
    case 'R':
      return { kind: 'relation', relation: relationOf(reader) };
    case 'I': {
      const relation = reader.int();
      reader.skip(1);
      return { kind: 'insert', relation, row: reader.tuple() };
    }
    case 'U': {
      const relation = reader.int();
      const before = reader.letter() === 'N' ? undefined : reader.tuple();
      if (before) reader.skip(1);
      return { kind: 'update', relation, before, row: reader.tuple() };
    }
    case 'D': {
      const relation = reader.int();
      reader.skip(1);
      return { kind: 'delete', relation, before: reader.tuple() };
    }
    case 'T': {
      const count = reader.int();
      reader.skip(1);
      return { kind: 'truncate', relations: Array.from({ length: count }, () => reader.int()) };
    }
    default:
      return { kind: 'other' };
  }
}

export function postgresTime(microseconds: bigint): Date {
  return new Date(EPOCH_MS + Number(microseconds / 1_000n));
}

export function toPostgresTime(moment: Date): bigint {
  return BigInt(moment.getTime() - EPOCH_MS) * 1_000n;
}

function relationOf(reader: Reader): Relation {
  const id = reader.int();
  const schema = reader.text();
  const name = reader.text();
  const identity = reader.letter();
  const columns = Array.from({ length: reader.short() }, () => {
    const isKey = (reader.byte() & 1) === 1;
    const column = reader.text();
    const type = reader.int();
    reader.skip(4);
    return { name: column, type, isKey };
  });
  // An empty schema stands for pg_catalog.
  return { id, schema: schema === '' ? 'pg_catalog' : schema, name, identity, columns };
}

class Reader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  byte(): number {
    return this.#bytes.readUInt8(this.#step(1));
  }

  letter(): string {
    return String.fromCharCode(this.byte());
  }

  short(): number {
    return this.#bytes.readUInt16BE(this.#step(2));
  }

  int(): number {
    return this.#bytes.readUInt32BE(this.#step(4));
  }

  long(): bigint {
    return this.#bytes.readBigUInt64BE(this.#step(8));
  }

  text(): string {
    const end = this.#bytes.indexOf(0, this.#at);
    const text = this.#bytes.toString('utf8', this.#at, end);
    this.#at = end + 1;
    return text;
  }

  tuple(): ChangedValue[] {
    return Array.from({ length: this.short() }, () => {
      const kind = this.letter();
      if (kind === 'n') return null;
      if (kind === 'u') return undefined;
      const length = this.int();
      const from = this.#step(length);
      return this.#bytes.toString('utf8', from, from + length);
    });
  }

  skip(bytes: number): void {
    this.#step(bytes);
  }

  #step(bytes: number): number {
    const at = this.#at;
    this.#at += bytes;
    return at;
  }
}
