/** The types a contract can give a field; each may also be a list (`text[]`). */
export const SCALAR_TYPES = ['text', 'integer', 'bigint', 'decimal', 'float', 'boolean', 'date', 'timestamp', 'time', 'uuid', 'json'] as const;
export type ScalarType = (typeof SCALAR_TYPES)[number];

/** `listed`: its existence is no secret. `secret`: for a principal without a grant on it, it does not exist. */
export type Visibility = 'listed' | 'secret';
export type Severity = 'warn' | 'error';

/** A rule on one field. Exactly one of the kinds, and how much a breach matters. */
export type FieldRule = {
  readonly severity: Severity;
} & (
  | { readonly kind: 'unique' }
  | { readonly kind: 'matches'; readonly pattern: string }
  /** Bounds are texts in the field's type; `today` and `now` stand for the moment of the check. */
  | { readonly kind: 'between'; readonly low: string; readonly high: string }
  | { readonly kind: 'in'; readonly values: readonly string[] }
  | { readonly kind: 'length'; readonly low: number; readonly high: number }
  /** The value is there in `field` of another dataset (`airports.iata`). */
  | { readonly kind: 'references'; readonly dataset: string; readonly field: string }
);

export interface Field {
  /** The column's name, as in the contract. */
  readonly name: string;
  /** Its camelCase: the GraphQL field. */
  readonly graphqlName: string;
  readonly type: ScalarType;
  readonly list: boolean;
  readonly required: boolean;
  readonly description?: string;
  readonly deprecated?: string;
  readonly tags: readonly string[];
  readonly visibility: Visibility;
  readonly rules: readonly FieldRule[];
  /** Other subgraphs of a supergraph may give this field of the type too. */
  readonly shareable?: boolean;
  /** How dates and times look in the files, as in to_timestamp; ISO 8601 when absent. */
  readonly format?: string;
  /** The column at the source, where it has another name than the field. */
  readonly column?: string;
  /** Its values are encrypted before they reach the database: they are compared as equal or not, and with nothing else. */
  readonly encrypted?: true;
  /** Other names that its column, or its member of a JSON object, has in what is loaded. */
  readonly aliases?: readonly string[];
  /** Its value where a row brings none, as a text in its type; `today` and `now` are the moment of the load. */
  readonly default?: string;
}

/** A rule on the dataset as a whole: a check over each row, or a key of several fields. */
export type DatasetRule = {
  readonly name: string;
  readonly severity: Severity;
} & (
  | { readonly kind: 'check'; readonly expression: string }
  | { readonly kind: 'unique'; readonly fields: readonly string[] }
  | { readonly kind: 'rowCount'; readonly low?: number; readonly high?: number }
);

export interface Relation {
  readonly name: string;
  readonly graphqlName: string;
  /** The other dataset's name. */
  readonly to: string;
  /** Pairs of a field here and the field there that equals it. */
  readonly on: readonly { readonly local: string; readonly remote: string }[];
  readonly many: boolean;
  readonly description?: string;
}

/** Where the rows of a live dataset are. */
export interface RemoteTable {
  readonly source: string;
  readonly table: { readonly schema: string; readonly name: string };
}

export interface Dataset {
  readonly id: string;
  readonly name: string;
  /** The root field of the data plane: camelCase of `name`. */
  readonly graphqlName: string;
  readonly typeName: string;
  readonly description?: string;
  readonly owner?: string;
  readonly visibility: Visibility;
  /** Other subgraphs of a supergraph may give its type and its root fields too. */
  readonly shareable?: boolean;
  readonly fields: readonly Field[];
  /** Names of the fields that identify a row; empty when none do. */
  readonly key: readonly string[];
  /** The field that says which person a row is about. */
  readonly subject?: string;
  /** An erasure keeps the rows, without what tells of the person; absent: it deletes them. */
  readonly onErase?: 'nullify';
  /** Purposes for which a row is shown only while its subject's consent is in force. Absent: none, and none must be declared. */
  readonly consent?: { readonly purposes: readonly string[] };
  readonly relations: readonly Relation[];
  readonly indexes: readonly (readonly string[])[];
  readonly rules: readonly DatasetRule[];
  /** More bad rows than this refuse a load: a count, or a share (0.01 is 1%). Absent: any number is quarantined. */
  readonly maxQuarantine?: { readonly rows: number } | { readonly share: number };
  /** What becomes of columns that the contract does not have. Absent: the load is refused. */
  readonly drift?: 'evolve' | 'quarantine';
  /** How long refused rows are kept; absent: until somebody takes them out. */
  readonly quarantine?: { readonly keepSeconds: number };
  readonly freshness?: { readonly field: string; readonly withinSeconds: number };
  /** How long an answer from it may be kept, as long as nothing changes. Absent: none is. */
  readonly cache?: { readonly ttlSeconds: number };
  /** The pipeline that makes it, for a derived dataset. */
  readonly producedBy?: string;
  /** Of a live dataset, whose rows stay where they are; absent where they are in the store. */
  readonly source?: RemoteTable;
  readonly contractVersion: number;
}

/** What a record of processing activities (Article 30 of the GDPR) says of a purpose, and the catalog can't know. */
export interface Processing {
  /** Who answers for it: a person, a team, an address. */
  readonly contact?: string;
  /** Categories of the people whom the data are about. */
  readonly subjects?: readonly string[];
  /** To whom data are disclosed outside of Headgate. */
  readonly recipients?: readonly string[];
  /** To which countries or organisations they are transferred, and under which safeguards. */
  readonly transfers?: string;
  /** How long they are kept for it. */
  readonly retention?: string;
}

export interface Purpose extends Processing {
  readonly name: string;
  readonly description?: string;
  readonly lawfulBasis?: string;
}

/** Whether a relation between the two leads from one source, or the store, to another. */
export function areApart(a: Dataset, b: Dataset): boolean {
  return a.source?.source !== b.source?.source;
}

/** Columns that every stored table has beside the contract's; names that no field can have. */
export const ROW_ID = '_rid';
export const LOAD_ID = '_load';

/** The PostgreSQL type of a field's column. */
export function columnType(field: Pick<Field, 'type' | 'list'>): string {
  return COLUMN_TYPES[field.type] + (field.list ? '[]' : '');
}

const COLUMN_TYPES: Readonly<Record<ScalarType, string>> = {
  text: 'text',
  integer: 'integer',
  bigint: 'bigint',
  decimal: 'numeric',
  float: 'double precision',
  boolean: 'boolean',
  date: 'date',
  timestamp: 'timestamptz',
  time: 'time',
  uuid: 'uuid',
  json: 'jsonb',
};
