export type Maybe<T> = T | null;
export type InputMaybe<T> = Maybe<T>;
/** All built-in and custom scalars, mapped to their actual values */
export type Scalars = {
  ID: { input: string; output: string; }
  String: { input: string; output: string; }
  Boolean: { input: boolean; output: boolean; }
  Int: { input: number; output: number; }
  Float: { input: number; output: number; }
  /** A whole number of 64 bits; a string in JSON, so that no digit is lost. */
  BigInt: { input: string; output: string; }
  /** A moment as in RFC 3339, with its offset from UTC: 2026-11-22T21:00:00Z. */
  DateTime: { input: string; output: string; }
  /** Any JSON value. */
  JSON: { input: unknown; output: unknown; }
};

/** What a change does to what somebody sees of a field. */
export type AccessChange = {
  readonly after: Scalars['String']['output'];
  /** For whom: role analyst, subject bob, anonymous. */
  readonly audiences: ReadonlyArray<Scalars['String']['output']>;
  /** "nothing", "allow", "email where country = 'DE', else hash". */
  readonly before: Scalars['String']['output'];
  readonly dataset: Scalars['String']['output'];
  /** The contract's name; null where the right is about the dataset as a whole. */
  readonly field?: Maybe<Scalars['String']['output']>;
  readonly movement: AccessMovement;
  /** With one of these purposes declared. */
  readonly purposes: ReadonlyArray<Scalars['String']['output']>;
  /** read, export, subscribe, ingest, detokenize. */
  readonly rights: ReadonlyArray<Scalars['String']['output']>;
  /** Of the field, before and after. */
  readonly tags: ReadonlyArray<Scalars['String']['output']>;
  /** And with none. */
  readonly withoutPurpose: Scalars['Boolean']['output'];
};

/** What a principal sees of a dataset, and why. */
export type AccessDecision = {
  /** Null when there are none, or rows can be seen. */
  readonly aggregate?: Maybe<AggregateDecision>;
  /** Of these rows only those whose subject has consented to this purpose, now. Null: no consent is needed. */
  readonly consent?: Maybe<Scalars['String']['output']>;
  readonly dataset: Scalars['String']['output'];
  readonly fields: ReadonlyArray<FieldDecision>;
  /** The grants in force for this principal and purpose. */
  readonly grants: ReadonlyArray<Scalars['String']['output']>;
  readonly rowFilters: ReadonlyArray<Scalars['String']['output']>;
  /** all, none, or some: rows in which one of rowFilters holds. */
  readonly rows: Scalars['String']['output'];
};

/** GAINED: nothing was seen, and something will be; LOST the other way round. OPENED: no cell will be more closed; CLOSED: none more open; CHANGED: neither can be said. */
export type AccessMovement =
  | 'CHANGED'
  | 'CLOSED'
  | 'GAINED'
  | 'LOST'
  | 'OPENED';

export type ActivityDataset = {
  readonly dataset: Scalars['String']['output'];
  readonly grants: ReadonlyArray<Scalars['String']['output']>;
  /** Fields that are read masked only. */
  readonly masked: ReadonlyArray<Scalars['String']['output']>;
  /** Fields that somebody reads as they are. */
  readonly plain: ReadonlyArray<Scalars['String']['output']>;
  /** The system where its rows stay. */
  readonly source?: Maybe<Scalars['String']['output']>;
  /** The field that says which person a row is about. */
  readonly subject?: Maybe<Scalars['String']['output']>;
};

/** Of what a principal that sees no row reads numbers over many, and by which grants. */
export type AggregateDecision = {
  readonly dimensions: ReadonlyArray<Scalars['String']['output']>;
  readonly grants: ReadonlyArray<Scalars['String']['output']>;
  readonly measures: ReadonlyArray<Scalars['String']['output']>;
  /** Distinct subjects that rows with equal dimensions must have to be in an answer. */
  readonly minGroup: Scalars['Int']['output'];
  readonly rowFilters: ReadonlyArray<Scalars['String']['output']>;
};

/** Numbers over many rows, and no row: count, sum and avg, with where and groupBy over the dimensions. */
export type AggregateOnly = {
  readonly dimensions: ReadonlyArray<Scalars['String']['output']>;
  readonly measures: ReadonlyArray<Scalars['String']['output']>;
  /** Distinct subjects that rows with equal dimensions must have to be in an answer. */
  readonly minGroup: Scalars['Int']['output'];
};

/** What a step declares to have made harmless. Nobody has checked that it is true. */
export type Anonymisation = {
  readonly reason: Scalars['String']['output'];
  /** Its rows are about no person any more, and need no consent. */
  readonly subject: Scalars['Boolean']['output'];
  /** Tags that the step hands on to nothing. */
  readonly tags: ReadonlyArray<Scalars['String']['output']>;
};

/** An API key; the secret itself is told once, when it is made. */
export type ApiKey = {
  readonly expiresAt?: Maybe<Scalars['DateTime']['output']>;
  readonly id: Scalars['String']['output'];
  readonly name: Scalars['String']['output'];
  readonly purposes: ReadonlyArray<Scalars['String']['output']>;
  readonly revokedAt?: Maybe<Scalars['DateTime']['output']>;
  readonly roles: ReadonlyArray<Scalars['String']['output']>;
  readonly subject: Scalars['String']['output'];
};

export type ApiKeyInput = {
  readonly claims?: InputMaybe<Scalars['JSON']['input']>;
  readonly expiresAt?: InputMaybe<Scalars['DateTime']['input']>;
  readonly name: Scalars['String']['input'];
  readonly purposes?: InputMaybe<ReadonlyArray<Scalars['String']['input']>>;
  readonly roles: ReadonlyArray<Scalars['String']['input']>;
  readonly subject: Scalars['String']['input'];
};

/** How an act ended: done, refused by governance, or failed. */
export type AuditDecision =
  | 'ALLOWED'
  | 'DENIED'
  | 'FAILED';

/** One act on the record. It holds names, counts and hashes, never a value of data. */
export type AuditEntry = {
  readonly action: Scalars['String']['output'];
  readonly at: Scalars['DateTime']['output'];
  readonly dataset?: Maybe<Scalars['String']['output']>;
  readonly decision: AuditDecision;
  readonly details: Scalars['JSON']['output'];
  readonly durationMs?: Maybe<Scalars['Float']['output']>;
  /** Fields read plain. */
  readonly fields: ReadonlyArray<Scalars['String']['output']>;
  /** SHA-256 of prevHash and the canonical JSON of the entry. */
  readonly hash?: Maybe<Scalars['String']['output']>;
  readonly id: Scalars['ID']['output'];
  /** Fields read through a mask. */
  readonly masked: ReadonlyArray<Scalars['String']['output']>;
  /** SHA-256 of the operation's text. */
  readonly operationHash?: Maybe<Scalars['String']['output']>;
  readonly prevHash?: Maybe<Scalars['String']['output']>;
  readonly principal: Scalars['String']['output'];
  readonly purpose?: Maybe<Scalars['String']['output']>;
  readonly roles: ReadonlyArray<Scalars['String']['output']>;
  readonly rowCount?: Maybe<Scalars['BigInt']['output']>;
  /** Its place in the chain; null until it is sealed, about a second. */
  readonly seq?: Maybe<Scalars['BigInt']['output']>;
};

export type AuditEntryConnection = {
  readonly edges: ReadonlyArray<AuditEntryEdge>;
  readonly nodes: ReadonlyArray<AuditEntry>;
  readonly pageInfo: PageInfo;
  /** All that match, not of the page. */
  readonly totalCount: Scalars['Int']['output'];
};

export type AuditEntryEdge = {
  readonly cursor: Scalars['String']['output'];
  readonly node: AuditEntry;
};

export type AuditProblem = {
  readonly entryId?: Maybe<Scalars['ID']['output']>;
  /** changed, removed, inserted, reordered, truncated or checkpoint. */
  readonly kind: Scalars['String']['output'];
  readonly message: Scalars['String']['output'];
  readonly seq?: Maybe<Scalars['BigInt']['output']>;
};

/** The chain, computed again from its first entry. */
export type AuditVerification = {
  /** Signed checkpoints found good. */
  readonly checkpoints: Scalars['Int']['output'];
  /** Entries found good. */
  readonly entries: Scalars['Int']['output'];
  readonly headHash?: Maybe<Scalars['String']['output']>;
  readonly headSeq?: Maybe<Scalars['BigInt']['output']>;
  readonly problem?: Maybe<AuditProblem>;
  readonly valid: Scalars['Boolean']['output'];
};

/** Conditions on audit entries; all that are given must hold. */
export type AuditWhere = {
  readonly action?: InputMaybe<Scalars['String']['input']>;
  readonly dataset?: InputMaybe<Scalars['String']['input']>;
  readonly decision?: InputMaybe<AuditDecision>;
  /** Read plain or through a mask. */
  readonly field?: InputMaybe<Scalars['String']['input']>;
  /** At this moment or later. */
  readonly from?: InputMaybe<Scalars['DateTime']['input']>;
  readonly principal?: InputMaybe<Scalars['String']['input']>;
  readonly purpose?: InputMaybe<Scalars['String']['input']>;
  /** Whose data it was about, as the datasets name them: entries of consents, subject exports and erasures. The record itself holds a keyed hash. */
  readonly subject?: InputMaybe<Scalars['String']['input']>;
  /** Before this moment. */
  readonly to?: InputMaybe<Scalars['DateTime']['input']>;
};

/** Of times that went by while nothing ran: skip leaves them out, once runs once for all of them, all runs for each. */
export type CatchUp =
  | 'all'
  | 'once'
  | 'skip';

/** A change of the control plane that waits for a second person, or did. */
export type ChangeRequest = {
  /** Who would gain or lose what, as it was when it was asked for. It is applied only if that still holds. */
  readonly accessChanges: ReadonlyArray<AccessChange>;
  readonly decidedAt?: Maybe<Scalars['DateTime']['output']>;
  readonly decidedBy?: Maybe<Scalars['String']['output']>;
  readonly decisionReason?: Maybe<Scalars['String']['output']>;
  readonly id: Scalars['ID']['output'];
  readonly manifests: ReadonlyArray<ManifestText>;
  /** It also removes what none of the manifests names. */
  readonly prune: Scalars['Boolean']['output'];
  readonly reason?: Maybe<Scalars['String']['output']>;
  readonly requestedAt: Scalars['DateTime']['output'];
  readonly requestedBy: Scalars['String']['output'];
  readonly status: ChangeStatus;
};

/** Where a change stands that needs a second person. */
export type ChangeStatus =
  | 'APPROVED'
  | 'PENDING'
  | 'REFUSED'
  | 'WITHDRAWN';

export type CheckStatus =
  | 'FAILED'
  | 'PASSED'
  | 'WARNED';

/** What brings rows of a source into a dataset by itself. */
export type Collector = {
  readonly dataset?: Maybe<Dataset>;
  readonly description?: Maybe<Scalars['String']['output']>;
  readonly mode: LoadMode;
  readonly name: Scalars['String']['output'];
  /** When its schedule starts it next; null while it is paused. */
  readonly nextRunAt?: Maybe<Scalars['DateTime']['output']>;
  readonly partitions: ReadonlyArray<CollectorPartition>;
  readonly paused: Scalars['Boolean']['output'];
  readonly schedule?: Maybe<Schedule>;
  /** The name of the source. */
  readonly source: Scalars['String']['output'];
  readonly updatedAt: Scalars['DateTime']['output'];
  readonly updatedBy: Scalars['String']['output'];
};

/** One partition of what a collector collects: where it is, and how far behind. */
export type CollectorPartition = {
  /** Bytes of the log of a PostgreSQL that were written since what the collector confirmed, and are kept for it there. */
  readonly lagBytes?: Maybe<Scalars['BigInt']['output']>;
  /** Messages that wait, where that is known. */
  readonly lagMessages?: Maybe<Scalars['BigInt']['output']>;
  /** For how long the oldest of them has waited, where that is known. */
  readonly lagSeconds?: Maybe<Scalars['Float']['output']>;
  /** Messages of a stream that were gone before they were read: expired, trimmed or deleted. */
  readonly missed?: Maybe<Scalars['BigInt']['output']>;
  /** Empty where the source has but one. */
  readonly partition: Scalars['String']['output'];
  /** What the next batch begins after; null before the first, and for who may not know all names. */
  readonly position?: Maybe<Scalars['JSON']['output']>;
  /** Why nothing is collected now. */
  readonly problem?: Maybe<Scalars['String']['output']>;
  /** Rows per second, of the last seconds of a stream. */
  readonly rowsPerSecond?: Maybe<Scalars['Float']['output']>;
  /** The newest of its runs. */
  readonly run?: Maybe<Run>;
  /** When a batch last landed. */
  readonly updatedAt?: Maybe<Scalars['DateTime']['output']>;
};

/** One period for which a person has consented to a purpose, as it was recorded. All of them are the history. */
export type Consent = {
  readonly from: Scalars['DateTime']['output'];
  readonly id: Scalars['ID']['output'];
  /** Whether it is in force at this moment. */
  readonly inForce: Scalars['Boolean']['output'];
  readonly purpose: Scalars['String']['output'];
  readonly recordedAt: Scalars['DateTime']['output'];
  /** The subject of the credential that recorded it. */
  readonly recordedBy: Scalars['String']['output'];
  /** Where the evidence is. */
  readonly source?: Maybe<Scalars['String']['output']>;
  /** Null for a person who was erased: the rest stays as a proof. */
  readonly subject?: Maybe<Scalars['String']['output']>;
  /** Null: until it is withdrawn. */
  readonly until?: Maybe<Scalars['DateTime']['output']>;
  readonly withdrawnAt?: Maybe<Scalars['DateTime']['output']>;
  /** The subject of the credential that withdrew it. */
  readonly withdrawnBy?: Maybe<Scalars['String']['output']>;
};

export type ConsentInput = {
  /** Now, when left out. */
  readonly from?: InputMaybe<Scalars['DateTime']['input']>;
  readonly purpose: Scalars['String']['input'];
  /** Where the evidence is: a form, a letter, a call. */
  readonly source?: InputMaybe<Scalars['String']['input']>;
  /** Who: the text of the value in the datasets' subject fields. */
  readonly subject: Scalars['String']['input'];
  /** Until it is withdrawn, when left out. */
  readonly until?: InputMaybe<Scalars['DateTime']['input']>;
};

export type CreatedApiKey = {
  readonly apiKey: ApiKey;
  /** Send it as X-Api-Key. It can not be shown again. */
  readonly secret: Scalars['String']['output'];
};

/** A dataset of the catalog: its contract, and what is known of its rows. */
export type Dataset = {
  /** On disk, with indexes; null for who may not see every row. */
  readonly bytes?: Maybe<Scalars['BigInt']['output']>;
  /** Purposes for which a row is shown only while its subject has consented. With any of them, each read needs a purpose. */
  readonly consentPurposes: ReadonlyArray<Scalars['String']['output']>;
  /** Raised by each load that changes rows. */
  readonly dataVersion: Scalars['BigInt']['output'];
  readonly description?: Maybe<Scalars['String']['output']>;
  readonly fields: ReadonlyArray<DatasetField>;
  readonly freshness: Freshness;
  /** The root field of the data plane. */
  readonly graphqlName: Scalars['String']['output'];
  readonly id: Scalars['ID']['output'];
  readonly key: ReadonlyArray<Scalars['String']['output']>;
  readonly name: Scalars['String']['output'];
  readonly owner?: Maybe<Scalars['String']['output']>;
  /** The pipeline that makes it. */
  readonly producedBy?: Maybe<Scalars['String']['output']>;
  /** The newest; null when there is none, or you may not see every row. */
  readonly qualityReport?: Maybe<QualityReport>;
  /** Rows in quarantine; null for who may not see every row. */
  readonly quarantineCount?: Maybe<Scalars['Int']['output']>;
  /** Why rows are in quarantine, most first; without reasons about fields that you may not see plain, unless you oversee. Null for who may not see every row. */
  readonly quarantineSummary?: Maybe<ReadonlyArray<QuarantineCount>>;
  readonly relations: ReadonlyArray<DatasetRelation>;
  /** Null for who may not see every row, and for a dataset that stays at its source. */
  readonly rowCount?: Maybe<Scalars['BigInt']['output']>;
  /** The ten newest; null for who may not oversee. */
  readonly runs?: Maybe<ReadonlyArray<Run>>;
  readonly stage: LifecycleStage;
  /** The field that says which person a row is about. */
  readonly subject?: Maybe<Scalars['String']['output']>;
  readonly typeName: Scalars['String']['output'];
  /** Of the contract. */
  readonly version: Scalars['Int']['output'];
  readonly visibility: Visibility;
};

/** The rows of a dataset are others than before. */
export type DatasetChange = {
  /** Of the rows, after the change. */
  readonly dataVersion: Scalars['BigInt']['output'];
  readonly dataset: Dataset;
  readonly loadedAt?: Maybe<Scalars['DateTime']['output']>;
  /** Null for who may not see every row. */
  readonly rowCount?: Maybe<Scalars['BigInt']['output']>;
};

export type DatasetConnection = {
  readonly edges: ReadonlyArray<DatasetEdge>;
  readonly nodes: ReadonlyArray<Dataset>;
  readonly pageInfo: PageInfo;
  /** All that match, not of the page. */
  readonly totalCount: Scalars['Int']['output'];
};

export type DatasetEdge = {
  readonly cursor: Scalars['String']['output'];
  readonly node: Dataset;
};

/** One field of a contract. */
export type DatasetField = {
  /** Other names that its column has in what is loaded. */
  readonly aliases: ReadonlyArray<Scalars['String']['output']>;
  /** Its value where a row that is loaded brings none; null of a secret field. */
  readonly default?: Maybe<Scalars['String']['output']>;
  readonly deprecated?: Maybe<Scalars['String']['output']>;
  readonly description?: Maybe<Scalars['String']['output']>;
  /** Its name in the data plane. */
  readonly graphqlName: Scalars['String']['output'];
  /** Part of the key. */
  readonly key: Scalars['Boolean']['output'];
  readonly name: Scalars['String']['output'];
  readonly required: Scalars['Boolean']['output'];
  /** The rules, as they stand in a manifest. */
  readonly rules: ReadonlyArray<Scalars['String']['output']>;
  readonly tags: ReadonlyArray<Scalars['String']['output']>;
  /** text, integer, bigint, decimal, float, boolean, date, timestamp, time, uuid, json; with [] for a list. */
  readonly type: Scalars['String']['output'];
  readonly visibility: Visibility;
};

export type DatasetRelation = {
  readonly dataset: Dataset;
  readonly graphqlName: Scalars['String']['output'];
  readonly many: Scalars['Boolean']['output'];
  readonly name: Scalars['String']['output'];
  /** Pairs "local = remote". */
  readonly on: ReadonlyArray<Scalars['String']['output']>;
};

export type DetokenizeInput = {
  readonly dataset: Scalars['String']['input'];
  /** As the contract calls it, or its name in the dataset's type. */
  readonly field: Scalars['String']['input'];
  /** Why you must know, in up to 500 characters. It is kept in the audit: name no person in it. */
  readonly reason: Scalars['String']['input'];
  /** 1 to 1000. */
  readonly tokens: ReadonlyArray<Scalars['String']['input']>;
};

export type DetokenizedValue = {
  readonly token: Scalars['String']['output'];
  /** Null where no row that you may see has a value of this token. */
  readonly value?: Maybe<Scalars['String']['output']>;
};

/** How the contract would follow the rows: a field that it would get, or whose type would become a wider one. */
export type DriftChange = {
  /** Of a new field the name of its column, as it came. */
  readonly column?: Maybe<Scalars['String']['output']>;
  readonly field: Scalars['String']['output'];
  /** The type that it has; null of a new field. */
  readonly from?: Maybe<Scalars['String']['output']>;
  /** The type that it would have. */
  readonly to: Scalars['String']['output'];
};

export type ErasedDataset = {
  readonly dataset: Scalars['String']['output'];
  /** Rows that were kept, without what told of the person. */
  readonly nullified: Scalars['Int']['output'];
  /** Rows that were deleted. */
  readonly rows: Scalars['Int']['output'];
};

/** Something else that was kept of the person. */
export type ErasedOther = {
  readonly count: Scalars['Int']['output'];
  readonly name: Scalars['String']['output'];
};

/** Proof of an erasure: what was taken out, and the reference under which the audit has it. It does not name the person. */
export type ErasureReceipt = {
  readonly by: Scalars['String']['output'];
  /** Those that had something. */
  readonly datasets: ReadonlyArray<ErasedDataset>;
  /** Datasets that stay at a source, where nothing was erased. */
  readonly elsewhere: ReadonlyArray<Scalars['String']['output']>;
  readonly erasedAt: Scalars['DateTime']['output'];
  /** details.erasure of its entries in the audit. */
  readonly id: Scalars['ID']['output'];
  /** Keys of encrypted fields. */
  readonly keysDestroyed: Scalars['Int']['output'];
  /** Loads and pipelines that waited or ran: they fail if they bring the person back. */
  readonly openRuns: ReadonlyArray<Scalars['ID']['output']>;
  readonly others: ReadonlyArray<ErasedOther>;
  /** Rows that loads had refused. */
  readonly quarantined: Scalars['Int']['output'];
  readonly reason: Scalars['String']['output'];
  /** Datasets made of erased rows in which nothing says whose a row is: run their pipelines again. */
  readonly recompute: ReadonlyArray<Scalars['String']['output']>;
  /** Rows that pipelines had computed and not published yet. */
  readonly staged: Scalars['Int']['output'];
  /** A keyed hash of the subject, the same in all entries about this person. */
  readonly subjectReference: Scalars['String']['output'];
};

/** What somebody could see of a field, by the grants in force. */
export type Exposure = {
  /** Who: role analyst, subject bob, anonymous. */
  readonly audience: Scalars['String']['output'];
  readonly dataset: Scalars['String']['output'];
  readonly effect: Scalars['String']['output'];
  readonly field: Scalars['String']['output'];
  readonly grants: ReadonlyArray<Scalars['String']['output']>;
  /** Some cell as it is; else all of them masked. */
  readonly plain: Scalars['Boolean']['output'];
  /** With one of these purposes declared. */
  readonly purposes: ReadonlyArray<Scalars['String']['output']>;
  readonly tags: ReadonlyArray<Scalars['String']['output']>;
  /** And with none. */
  readonly withoutPurpose: Scalars['Boolean']['output'];
};

/** PLAIN: every visible row as stored. MASKED: some cell is masked or null. FORBIDDEN: no cell can be seen. */
export type FieldAccess =
  | 'FORBIDDEN'
  | 'MASKED'
  | 'PLAIN';

export type FieldDecision = {
  readonly access: FieldAccess;
  /** The error code of a read, when forbidden. */
  readonly code?: Maybe<Scalars['String']['output']>;
  /** What happens to its cells, in the order in which it is tried: "hash", "year where birth_date < ...". */
  readonly effects: ReadonlyArray<Scalars['String']['output']>;
  readonly field: Scalars['String']['output'];
  /** The grants that speak about it. */
  readonly grants: ReadonlyArray<Scalars['String']['output']>;
  readonly graphqlName: Scalars['String']['output'];
};

export type FileFormat =
  | 'csv'
  | 'json'
  | 'ndjson'
  | 'parquet'
  | 'tsv';

/** How fresh the rows are. */
export type Freshness = {
  /** Seconds since then. */
  readonly ageSeconds?: Maybe<Scalars['Int']['output']>;
  /** When rows last came in. */
  readonly loadedAt?: Maybe<Scalars['DateTime']['output']>;
  /** What the contract allows, in seconds. */
  readonly withinSeconds?: Maybe<Scalars['Int']['output']>;
};

/** A grant in force. */
export type Grant = {
  /** In place of fields: no rows, and of many together numbers. */
  readonly aggregateOnly?: Maybe<AggregateOnly>;
  readonly anonymous: Scalars['Boolean']['output'];
  readonly datasets: ReadonlyArray<Scalars['String']['output']>;
  readonly description?: Maybe<Scalars['String']['output']>;
  /** Effects by field name, tag:NAME or *. */
  readonly fields: Scalars['JSON']['output'];
  readonly name: Scalars['String']['output'];
  /** Null: any purpose, or none. */
  readonly purposes?: Maybe<ReadonlyArray<Scalars['String']['output']>>;
  readonly rights: ReadonlyArray<Scalars['String']['output']>;
  readonly roles: ReadonlyArray<Scalars['String']['output']>;
  /** Null: all rows. */
  readonly rows?: Maybe<Scalars['String']['output']>;
  readonly subjects: ReadonlyArray<Scalars['String']['output']>;
  readonly tags: ReadonlyArray<Scalars['String']['output']>;
};

/** How often a grant in force took part in what was allowed, by the record. */
export type GrantUse = {
  readonly acts: Scalars['Int']['output'];
  readonly grant: Scalars['String']['output'];
  readonly lastUsedAt?: Maybe<Scalars['DateTime']['output']>;
};

/** What of a source is looked at. */
export type InferInput = {
  /** Of an API: an object of JSON, which is sent with POST. */
  readonly body?: InputMaybe<Scalars['String']['input']>;
  /** Of an API a path below its URL, with its query; of a GraphQL API a root field; of a PostgreSQL schema.table. */
  readonly from: Scalars['String']['input'];
  /** Of an API: a JSON pointer to the rows; found when left out. */
  readonly items?: InputMaybe<Scalars['String']['input']>;
  /** Of the dataset; by what is looked at when left out. */
  readonly name?: InputMaybe<Scalars['String']['input']>;
  /** Pages that are looked at: 10 when left out, 100 at the most. */
  readonly pages?: InputMaybe<Scalars['Int']['input']>;
  /** Rows that are looked at: 10,000 when left out, 100,000 at the most. */
  readonly rows?: InputMaybe<Scalars['Int']['input']>;
  /** Its name; of type http, graphql or postgres. */
  readonly source: Scalars['String']['input'];
};

/** A contract as some rows of a source have it, and the collector that brings them. No value of a row is in it. Nothing is applied yet. */
export type InferredDataset = {
  /** The name of the collector in it. */
  readonly collector: Scalars['String']['output'];
  /** The name of the dataset in it. */
  readonly dataset: Scalars['String']['output'];
  /** Whether they were all there are, as far as the source says. */
  readonly isWhole: Scalars['Boolean']['output'];
  /** A document of kind Dataset and one of kind Collector, as YAML. */
  readonly manifest: Scalars['String']['output'];
  /** Rows that were looked at. */
  readonly rows: Scalars['Int']['output'];
};

/** What to load. Give one of source, url and content. */
export type IngestInput = {
  /** The rows themselves. */
  readonly content?: InputMaybe<Scalars['String']['input']>;
  readonly dataset: Scalars['String']['input'];
  /** What stands before the decimals of numbers: point or comma. */
  readonly decimal?: InputMaybe<Scalars['String']['input']>;
  /** What stands between the values of a CSV text: one character, or tab. */
  readonly delimiter?: InputMaybe<Scalars['String']['input']>;
  /** Finds out what is not said of how the text is written. */
  readonly detect?: InputMaybe<Scalars['Boolean']['input']>;
  /** Of a text: utf-8 when left out; also utf-16le, windows-1252 and others. */
  readonly encoding?: InputMaybe<Scalars['String']['input']>;
  /** Loads a file that was loaded already. */
  readonly force?: InputMaybe<Scalars['Boolean']['input']>;
  /** Needed with content; else found by the file's name. */
  readonly format?: InputMaybe<FileFormat>;
  /** False when the first line is a row: the columns are then those of the contract. */
  readonly header?: InputMaybe<Scalars['Boolean']['input']>;
  /** The same key for the same dataset loads once. */
  readonly idempotencyKey?: InputMaybe<Scalars['String']['input']>;
  /** append when left out. */
  readonly mode?: InputMaybe<LoadMode>;
  /** NORMAL when left out. */
  readonly priority?: InputMaybe<RunPriority>;
  /** What values stand in that hold delimiters: double, single or none. */
  readonly quote?: InputMaybe<Scalars['String']['input']>;
  /** A file under the folder that HEADGATE_FILES names, or a pattern for several. */
  readonly source?: InputMaybe<Scalars['String']['input']>;
  /** Where the file is, http or https. */
  readonly url?: InputMaybe<Scalars['String']['input']>;
};

/** What a load would do. Nothing of it is done. rowsRead = rowsLoaded + rowsQuarantined + rowsDeduplicated. */
export type IngestPreview = {
  readonly bytesRead: Scalars['BigInt']['output'];
  readonly dataset: Scalars['String']['output'];
  readonly drift: ReadonlyArray<DriftChange>;
  /** Fields whose values are null here because you may not see them plain in every row. */
  readonly masked: ReadonlyArray<Scalars['String']['output']>;
  readonly mode: LoadMode;
  readonly readAs?: Maybe<ReadAs>;
  /** Without those about fields that you may not know of. */
  readonly reasons: ReadonlyArray<PreviewReason>;
  /** The same content was loaded before, and would add nothing. */
  readonly repeated: Scalars['Boolean']['output'];
  /** The first rows that would be loaded; none for who may not see every row. */
  readonly rows: ReadonlyArray<PreviewRow>;
  readonly rowsDeduplicated: Scalars['BigInt']['output'];
  /** Of those that would be loaded. */
  readonly rowsInserted: Scalars['BigInt']['output'];
  readonly rowsLoaded: Scalars['BigInt']['output'];
  readonly rowsQuarantined: Scalars['BigInt']['output'];
  readonly rowsRead: Scalars['BigInt']['output'];
  /** Of those that would be loaded, in a merge. */
  readonly rowsUpdated: Scalars['BigInt']['output'];
};

/** Secrets of one kind that are wrapped with a master key. */
export type KeyDependents = {
  readonly count: Scalars['Int']['output'];
  readonly name: Scalars['String']['output'];
};

/** A change of the active master key. */
export type KeyRotation = {
  /** The one that was active before. */
  readonly from: MasterKey;
  readonly to: MasterKey;
};

/** What must be kept although somebody may ask for its erasure. */
export type LegalHold = {
  readonly datasets: ReadonlyArray<Scalars['String']['output']>;
  readonly name: Scalars['String']['output'];
  readonly reason: Scalars['String']['output'];
  readonly subjects: ReadonlyArray<Scalars['String']['output']>;
  readonly until?: Maybe<Scalars['DateTime']['output']>;
};

/** Where a dataset's newest version is on its way. */
export type LifecycleStage =
  | 'ACCESS'
  | 'ARCHIVAL'
  | 'INGESTION'
  | 'PROCESSING'
  | 'STORAGE'
  | 'VALIDATION';

/** append adds rows, replace makes them the whole dataset, merge inserts and updates by key. */
export type LoadMode =
  | 'append'
  | 'merge'
  | 'replace';

export type ManifestChange = {
  readonly change: ManifestChangeKind;
  /** What changes, line by line. */
  readonly details: ReadonlyArray<Scalars['String']['output']>;
  readonly kind: Scalars['String']['output'];
  readonly name: Scalars['String']['output'];
};

export type ManifestChangeKind =
  | 'create'
  | 'remove'
  | 'unchanged'
  | 'update';

export type ManifestName = {
  readonly kind: Scalars['String']['output'];
  readonly name: Scalars['String']['output'];
};

/** What an apply did, or with dryRun would do. */
export type ManifestResult = {
  /** The request that waits for a second person: then nothing was changed. */
  readonly approval?: Maybe<ChangeRequest>;
  readonly changes: ReadonlyArray<ManifestChange>;
  readonly dryRun: Scalars['Boolean']['output'];
  /** It waits for a second person, or without dryRun would. */
  readonly needsApproval: Scalars['Boolean']['output'];
  /** In force, and not among the documents given. */
  readonly stillInForce: ReadonlyArray<ManifestName>;
  /** Of the catalog, afterwards. */
  readonly version: Scalars['BigInt']['output'];
  readonly warnings: ReadonlyArray<Scalars['String']['output']>;
};

export type ManifestText = {
  readonly kind: Scalars['String']['output'];
  readonly name: Scalars['String']['output'];
  /** YAML. */
  readonly text: Scalars['String']['output'];
};

/** A master key. The key itself is told to nobody. */
export type MasterKey = {
  readonly activatedAt?: Maybe<Scalars['DateTime']['output']>;
  /** It can not be retired while there are any. */
  readonly dependents: ReadonlyArray<KeyDependents>;
  /** Whether the process that answers holds it. */
  readonly held: Scalars['Boolean']['output'];
  readonly id: Scalars['ID']['output'];
  readonly replacedAt?: Maybe<Scalars['DateTime']['output']>;
  readonly retiredAt?: Maybe<Scalars['DateTime']['output']>;
  readonly state: MasterKeyState;
};

/** PENDING: held, and never active yet. ACTIVE: what is made now is made with it. REPLACED: good for what was made with it. RETIRED: good for nothing any more. */
export type MasterKeyState =
  | 'ACTIVE'
  | 'PENDING'
  | 'REPLACED'
  | 'RETIRED';

export type Mutation = {
  /** Gives the field the tag, by the dataset's Classification, at once. An unclassified field counts as classified from then on. Where the change waits for a second person, the proposal stays OPEN. */
  readonly acceptTagProposal: TagProposal;
  /** Applies manifests (YAML, several documents allowed) in one transaction; with dryRun it tells what would change. */
  readonly applyManifest: ManifestResult;
  /** Applies what somebody else asked for. It is refused to who asked, and when it would change something else by now. */
  readonly approveChange: ChangeRequest;
  readonly cancelRun: Run;
  /** Checks a dataset as it is now. */
  readonly checkQuality: QualityReport;
  readonly createApiKey: CreatedApiKey;
  /** Removes a change policy; one that asks for four eyes goes when a second person agrees. */
  readonly deleteChangePolicy: Scalars['Boolean']['output'];
  /** Takes back what stewards said of a dataset's fields; the tags of its contract stay. */
  readonly deleteClassification: Scalars['Boolean']['output'];
  /** Removes a collector; what it collected stays. */
  readonly deleteCollector: Scalars['Boolean']['output'];
  /** Removes a dataset with all its rows. */
  readonly deleteDataset: Scalars['Boolean']['output'];
  readonly deleteGrant: Scalars['Boolean']['output'];
  /** Lifts a legal hold: what it kept may be erased again. */
  readonly deleteLegalHold: Scalars['Boolean']['output'];
  /** Removes a pipeline; its output dataset goes with it. */
  readonly deletePipeline: Scalars['Boolean']['output'];
  readonly deletePurpose: Scalars['Boolean']['output'];
  /** Removes a source that no dataset and no collector needs. */
  readonly deleteSource: Scalars['Boolean']['output'];
  /** What tokens of a field stand for, in their order, as far as rows that you may see hold it. For grants with the right detokenize; each call is in the audit. */
  readonly detokenize: ReadonlyArray<DetokenizedValue>;
  /** Says of refused rows that nobody wants them. Their values are gone then. Answers how many were open. */
  readonly discardQuarantine: Scalars['Int']['output'];
  /** Takes a person out of all datasets, derived ones, quarantine and staging too, in one transaction. It can not be undone; a legal hold refuses it. */
  readonly eraseSubject: ErasureReceipt;
  /** Gathers all that is known of a person, derived datasets and quarantine too, as an archive to be fetched. What it holds is governed by your own grants with the right export; being a steward shows no cell. */
  readonly exportSubject: SubjectExport;
  /** Describes tables and views of a source as manifests of datasets. It changes nothing: apply what comes. */
  readonly importSource: SourceImport;
  /** Looks at some rows of a source and writes the contract that they have, with the collector that brings them. It changes nothing: apply what comes. */
  readonly inferDataset: InferredDataset;
  /** Queues a load and answers at once; ask `run` how it goes. */
  readonly ingest: Run;
  /** Does all of a load, tells what it did, and takes it back. A purpose counts as for reading: by it you see values. */
  readonly previewIngest: IngestPreview;
  /** Records that a person has consented to a purpose. It adds to what was recorded before. */
  readonly recordConsent: Consent;
  /** Records up to 1,000 at once, all of them or none, and says how many. */
  readonly recordConsents: Scalars['Int']['output'];
  /** Queues again what was given up, each as a new run whose parentId is the old one; 1000 at the most, the oldest first. All conditions must hold, and one must be given. */
  readonly redriveRuns: ReadonlyArray<Run>;
  /** Refuses what somebody asked for; by who asked for it, it is withdrawn. */
  readonly refuseChange: ChangeRequest;
  /** It is not proposed again for this field. */
  readonly refuseTagProposal: TagProposal;
  /** Queues a load of rows of the quarantine, and answers at once. Those that pass leave it; the others stay, with new reasons. */
  readonly replayQuarantine: Run;
  /** Forgets where a collector is: it begins from the beginning. Rows that it brought stay. */
  readonly resetCollector: Scalars['Boolean']['output'];
  /** Ends a master key that was replaced, for good: tokens that it signed are refused, and backups with secrets that it wrapped can not be read. */
  readonly retireMasterKey: MasterKey;
  /** Queues again what a failed or cancelled run should have done. */
  readonly retryRun: Run;
  /** Ends a key, in every process within two seconds. */
  readonly revokeApiKey: ApiKey;
  /** Ends a token by its claim jti, in every process within two seconds. */
  readonly revokeToken: Scalars['Boolean']['output'];
  /** Makes a new master key the active one, in every process at once. Hashes, pseudonyms and new tokens are made with it from then on. */
  readonly rotateKeys: KeyRotation;
  /** Queues a run of a collector and answers at once; of one that is under way, its run. */
  readonly runCollector: Run;
  /** Queues a pipeline and answers at once. */
  readonly runPipeline: Run;
  /** Ends all that a person has consented to for a purpose, from now on. It takes no other time. */
  readonly withdrawConsent: Consent;
};


export type MutationAcceptTagProposalArgs = {
  id: Scalars['ID']['input'];
  reason?: InputMaybe<Scalars['String']['input']>;
};


export type MutationApplyManifestArgs = {
  dryRun?: InputMaybe<Scalars['Boolean']['input']>;
  manifest: Scalars['String']['input'];
  reason?: InputMaybe<Scalars['String']['input']>;
};


export type MutationApproveChangeArgs = {
  id: Scalars['ID']['input'];
  reason?: InputMaybe<Scalars['String']['input']>;
};


export type MutationCancelRunArgs = {
  id: Scalars['ID']['input'];
};


export type MutationCheckQualityArgs = {
  dataset: Scalars['String']['input'];
};


export type MutationCreateApiKeyArgs = {
  input: ApiKeyInput;
  reason?: InputMaybe<Scalars['String']['input']>;
};


export type MutationDeleteChangePolicyArgs = {
  name: Scalars['String']['input'];
  reason?: InputMaybe<Scalars['String']['input']>;
};


export type MutationDeleteClassificationArgs = {
  name: Scalars['String']['input'];
  reason?: InputMaybe<Scalars['String']['input']>;
};


export type MutationDeleteCollectorArgs = {
  name: Scalars['String']['input'];
  reason?: InputMaybe<Scalars['String']['input']>;
};


export type MutationDeleteDatasetArgs = {
  name: Scalars['String']['input'];
  reason?: InputMaybe<Scalars['String']['input']>;
};


export type MutationDeleteGrantArgs = {
  name: Scalars['String']['input'];
  reason?: InputMaybe<Scalars['String']['input']>;
};


export type MutationDeleteLegalHoldArgs = {
  name: Scalars['String']['input'];
  reason?: InputMaybe<Scalars['String']['input']>;
};


export type MutationDeletePipelineArgs = {
  name: Scalars['String']['input'];
  reason?: InputMaybe<Scalars['String']['input']>;
};


export type MutationDeletePurposeArgs = {
  name: Scalars['String']['input'];
  reason?: InputMaybe<Scalars['String']['input']>;
};


export type MutationDeleteSourceArgs = {
  name: Scalars['String']['input'];
  reason?: InputMaybe<Scalars['String']['input']>;
};


export type MutationDetokenizeArgs = {
  input: DetokenizeInput;
};


export type MutationDiscardQuarantineArgs = {
  dataset: Scalars['String']['input'];
  ids: ReadonlyArray<Scalars['ID']['input']>;
  reason: Scalars['String']['input'];
};


export type MutationEraseSubjectArgs = {
  reason: Scalars['String']['input'];
  subject: Scalars['String']['input'];
};


export type MutationExportSubjectArgs = {
  subject: Scalars['String']['input'];
};


export type MutationImportSourceArgs = {
  source: Scalars['String']['input'];
  tables?: InputMaybe<ReadonlyArray<Scalars['String']['input']>>;
};


export type MutationInferDatasetArgs = {
  input: InferInput;
};


export type MutationIngestArgs = {
  input: IngestInput;
};


export type MutationPreviewIngestArgs = {
  input: IngestInput;
};


export type MutationRecordConsentArgs = {
  input: ConsentInput;
};


export type MutationRecordConsentsArgs = {
  inputs: ReadonlyArray<ConsentInput>;
};


export type MutationRedriveRunsArgs = {
  dataset?: InputMaybe<Scalars['String']['input']>;
  ids?: InputMaybe<ReadonlyArray<Scalars['ID']['input']>>;
  kind?: InputMaybe<RunKind>;
  pipeline?: InputMaybe<Scalars['String']['input']>;
  since?: InputMaybe<Scalars['DateTime']['input']>;
};


export type MutationRefuseChangeArgs = {
  id: Scalars['ID']['input'];
  reason?: InputMaybe<Scalars['String']['input']>;
};


export type MutationRefuseTagProposalArgs = {
  id: Scalars['ID']['input'];
  reason?: InputMaybe<Scalars['String']['input']>;
};


export type MutationReplayQuarantineArgs = {
  dataset: Scalars['String']['input'];
  ids?: InputMaybe<ReadonlyArray<Scalars['ID']['input']>>;
  mode?: InputMaybe<LoadMode>;
  patch?: InputMaybe<Scalars['JSON']['input']>;
};


export type MutationResetCollectorArgs = {
  name: Scalars['String']['input'];
  partition?: InputMaybe<Scalars['String']['input']>;
};


export type MutationRetireMasterKeyArgs = {
  id: Scalars['ID']['input'];
};


export type MutationRetryRunArgs = {
  id: Scalars['ID']['input'];
};


export type MutationRevokeApiKeyArgs = {
  id: Scalars['ID']['input'];
  reason?: InputMaybe<Scalars['String']['input']>;
};


export type MutationRevokeTokenArgs = {
  id: Scalars['ID']['input'];
  reason?: InputMaybe<Scalars['String']['input']>;
};


export type MutationRunCollectorArgs = {
  name: Scalars['String']['input'];
};


export type MutationRunPipelineArgs = {
  name: Scalars['String']['input'];
  priority?: InputMaybe<RunPriority>;
};


export type MutationWithdrawConsentArgs = {
  input: ConsentInput;
};

/** Where a page stands among all rows (Relay Cursor Connections). */
export type PageInfo = {
  readonly endCursor?: Maybe<Scalars['String']['output']>;
  readonly hasNextPage: Scalars['Boolean']['output'];
  readonly hasPreviousPage: Scalars['Boolean']['output'];
  readonly startCursor?: Maybe<Scalars['String']['output']>;
};

/** Steps over datasets, whose result is a dataset. */
export type Pipeline = {
  readonly description?: Maybe<Scalars['String']['output']>;
  readonly inputs: ReadonlyArray<Dataset>;
  readonly name: Scalars['String']['output'];
  /** When its schedule starts it next. */
  readonly nextRunAt?: Maybe<Scalars['DateTime']['output']>;
  readonly output?: Maybe<Dataset>;
  /** The ten newest; null for who may not oversee. */
  readonly runs?: Maybe<ReadonlyArray<Run>>;
  readonly schedule?: Maybe<Schedule>;
  readonly steps: ReadonlyArray<PipelineStep>;
};

export type PipelineStep = {
  readonly anonymises?: Maybe<Anonymisation>;
  /** The step as it stands in the manifest; null for who may not know all names. */
  readonly definition?: Maybe<Scalars['JSON']['output']>;
  /** transform, aggregate, sql or publish. */
  readonly kind: Scalars['String']['output'];
  readonly name: Scalars['String']['output'];
};

/** Why rows would be quarantined; a row with several reasons counts for each. */
export type PreviewReason = {
  readonly count: Scalars['BigInt']['output'];
  /** Null when it is about the whole row. */
  readonly field?: Maybe<Scalars['String']['output']>;
  readonly message: Scalars['String']['output'];
  /** The first of them; none for who may not see every row. */
  readonly rows: ReadonlyArray<PreviewRow>;
  readonly rule: Scalars['String']['output'];
};

/** A row of a preview. */
export type PreviewRow = {
  /** Its line in the file; null of a row that would be loaded. */
  readonly line?: Maybe<Scalars['BigInt']['output']>;
  /** Texts by field; null where you may not see the field plain in every row. */
  readonly values: Scalars['JSON']['output'];
};

/** Who asks, as the credential of the request says. */
export type Principal = {
  readonly anonymous: Scalars['Boolean']['output'];
  /** What row filters can read as claim('name'). */
  readonly claims: Scalars['JSON']['output'];
  /** The purpose that this request declares. */
  readonly purpose?: Maybe<Scalars['String']['output']>;
  /** The purposes that may be declared in X-Purpose. */
  readonly purposes: ReadonlyArray<Scalars['String']['output']>;
  readonly roles: ReadonlyArray<Scalars['String']['output']>;
  readonly sub: Scalars['String']['output'];
};

/** A principal to ask about; what is left out it has not. */
export type PrincipalInput = {
  readonly anonymous?: InputMaybe<Scalars['Boolean']['input']>;
  readonly claims?: InputMaybe<Scalars['JSON']['input']>;
  readonly purpose?: InputMaybe<Scalars['String']['input']>;
  readonly purposes?: InputMaybe<ReadonlyArray<Scalars['String']['input']>>;
  readonly roles?: InputMaybe<ReadonlyArray<Scalars['String']['input']>>;
  readonly sub?: InputMaybe<Scalars['String']['input']>;
};

/** What is done with whose data for one purpose: an entry of the record of processing activities (Article 30 of the GDPR). */
export type ProcessingActivity = {
  /** The tags of the fields that are read for it. */
  readonly categoriesOfData: ReadonlyArray<Scalars['String']['output']>;
  readonly categoriesOfSubjects: ReadonlyArray<Scalars['String']['output']>;
  readonly contact?: Maybe<Scalars['String']['output']>;
  readonly datasets: ReadonlyArray<ActivityDataset>;
  readonly description?: Maybe<Scalars['String']['output']>;
  /** What the record lacks. */
  readonly gaps: ReadonlyArray<Scalars['String']['output']>;
  readonly lawfulBasis?: Maybe<Scalars['String']['output']>;
  /** Null: what can be read without declaring one. */
  readonly purpose?: Maybe<Scalars['String']['output']>;
  readonly recipients: ReadonlyArray<Scalars['String']['output']>;
  readonly retention?: Maybe<Scalars['String']['output']>;
  readonly transfers?: Maybe<Scalars['String']['output']>;
};

/** One check of a report: counts, shares and bounds, never a value of data. */
export type QualityCheck = {
  readonly dimension: QualityDimension;
  readonly expected?: Maybe<Scalars['String']['output']>;
  /** Null where the check is not about rows. */
  readonly failingRows?: Maybe<Scalars['BigInt']['output']>;
  /** The fields that it is about. */
  readonly fields: ReadonlyArray<Scalars['String']['output']>;
  readonly name: Scalars['String']['output'];
  readonly observed?: Maybe<Scalars['String']['output']>;
  readonly severity: Severity;
  readonly status: CheckStatus;
};

export type QualityDimension =
  | 'accuracy'
  | 'completeness'
  | 'consistency'
  | 'timeliness';

/** What one look at a dataset found. Scores go from 0 to 1, over the checks that you are shown; null for a dimension without checks. */
export type QualityReport = {
  readonly accuracy?: Maybe<Scalars['Float']['output']>;
  /** Without those about fields that you may not know of, or, unless you oversee, may not see plain. */
  readonly checks: ReadonlyArray<QualityCheck>;
  readonly completeness?: Maybe<Scalars['Float']['output']>;
  readonly consistency?: Maybe<Scalars['Float']['output']>;
  readonly createdAt: Scalars['DateTime']['output'];
  readonly dataset?: Maybe<Dataset>;
  readonly id: Scalars['ID']['output'];
  readonly rowCount: Scalars['BigInt']['output'];
  readonly score?: Maybe<Scalars['Float']['output']>;
  readonly timeliness?: Maybe<Scalars['Float']['output']>;
  /** Of the contract. */
  readonly version: Scalars['Int']['output'];
};

export type QualityReportConnection = {
  readonly edges: ReadonlyArray<QualityReportEdge>;
  readonly nodes: ReadonlyArray<QualityReport>;
  readonly pageInfo: PageInfo;
  /** All that match, not of the page. */
  readonly totalCount: Scalars['Int']['output'];
};

export type QualityReportEdge = {
  readonly cursor: Scalars['String']['output'];
  readonly node: QualityReport;
};

/** How many rows are in quarantine for reasons of one kind; a row with several counts for each. */
export type QuarantineCount = {
  readonly count: Scalars['Int']['output'];
  /** Null when it is about the whole row. */
  readonly field?: Maybe<Scalars['String']['output']>;
  readonly rule: Scalars['String']['output'];
  readonly state: QuarantineState;
};

export type QuarantineReason = {
  /** Null when it is about the whole row. */
  readonly field?: Maybe<Scalars['String']['output']>;
  readonly message: Scalars['String']['output'];
  readonly rule: Scalars['String']['output'];
};

/** DISCARDED: nobody wants the row, and its values are gone. */
export type QuarantineState =
  | 'DISCARDED'
  | 'OPEN';

/** A row that a load refused. */
export type QuarantinedRow = {
  /** How often it was tried to load it. */
  readonly attempts: Scalars['Int']['output'];
  readonly createdAt: Scalars['DateTime']['output'];
  /** Why nobody wants it, for who oversees. */
  readonly discardReason?: Maybe<Scalars['String']['output']>;
  readonly discardedAt?: Maybe<Scalars['DateTime']['output']>;
  /** For who oversees. */
  readonly discardedBy?: Maybe<Scalars['String']['output']>;
  readonly id: Scalars['ID']['output'];
  /** The replay that tried it last. */
  readonly lastRun?: Maybe<Run>;
  /** Its line in the file. */
  readonly line: Scalars['BigInt']['output'];
  /** Where it was, beyond its line: a place in a stream, a file, a page. */
  readonly position?: Maybe<Scalars['String']['output']>;
  /** The row as it came, by field; null where you may not see the field plain in every row. */
  readonly raw: Scalars['JSON']['output'];
  /** Without those about fields that you may not see plain, unless you oversee. */
  readonly reasons: ReadonlyArray<QuarantineReason>;
  /** The run that refused it first; null for who may not see that. */
  readonly run?: Maybe<Run>;
  /** The run that refused it. */
  readonly runId: Scalars['ID']['output'];
  readonly state: QuarantineState;
};

export type QuarantinedRowConnection = {
  readonly edges: ReadonlyArray<QuarantinedRowEdge>;
  readonly nodes: ReadonlyArray<QuarantinedRow>;
  readonly pageInfo: PageInfo;
  /** All that match, not of the page. */
  readonly totalCount: Scalars['Int']['output'];
};

export type QuarantinedRowEdge = {
  readonly cursor: Scalars['String']['output'];
  readonly node: QuarantinedRow;
};

export type Query = {
  /** What a principal sees of a dataset, and by which grants: you, or with `as` somebody else. */
  readonly access: AccessDecision;
  /** Who would gain or lose which field by manifests, before they are applied. Nothing is changed. */
  readonly accessDiff: ReadonlyArray<AccessChange>;
  /** All keys, newest first, without their secrets. */
  readonly apiKeys: ReadonlyArray<ApiKey>;
  /** What was done and refused, newest first. */
  readonly auditEntries: AuditEntryConnection;
  /** Computes the chain again from its first entry and holds it against the signed checkpoints. */
  readonly auditVerification: AuditVerification;
  /** Changes that wait for a second person, and those that were decided, newest first. */
  readonly changeRequests: ReadonlyArray<ChangeRequest>;
  readonly collector?: Maybe<Collector>;
  /** The collectors whose datasets you may know of, by name. */
  readonly collectors: ReadonlyArray<Collector>;
  /** All that was recorded of a person, newest first: what is in force, what is over, what was withdrawn. */
  readonly consents: ReadonlyArray<Consent>;
  /** Null when there is none of this name that you may know of. */
  readonly dataset?: Maybe<Dataset>;
  /** The catalog, by name, as far as you may know of it. */
  readonly datasets: DatasetConnection;
  /** How often each grant in force was of use in the last 90 days, or since a moment; with unused, those that were of none. */
  readonly grantUses: ReadonlyArray<GrantUse>;
  /** The grants in force, by name. */
  readonly grants: ReadonlyArray<Grant>;
  /** What must not be erased. Who is named in one is personal data. */
  readonly legalHolds: ReadonlyArray<LegalHold>;
  /** All that ever were active, oldest first, and behind them those that could be made active. */
  readonly masterKeys: ReadonlyArray<MasterKey>;
  /** Who you are, as your credential says. */
  readonly me: Principal;
  readonly pipeline?: Maybe<Pipeline>;
  /** The pipelines whose datasets you may know of, by name. */
  readonly pipelines: ReadonlyArray<Pipeline>;
  /** The record of processing activities: from the purposes, the catalog and the grants in force. */
  readonly processingActivities: ReadonlyArray<ProcessingActivity>;
  /** Reports, newest first. */
  readonly qualityReports: QualityReportConnection;
  /** Rows that loads refused, oldest first: where they stood, why, and the values that you may see. */
  readonly quarantine: QuarantinedRowConnection;
  /** One that you asked for, or any if you oversee. */
  readonly run?: Maybe<Run>;
  /** Runs, newest first. */
  readonly runs: RunConnection;
  /** The sources of live datasets, by name, and whether each answers now. */
  readonly sources: ReadonlyArray<Source>;
  /** Tags that were found when rows were loaded, newest first, for fields that you may know of. */
  readonly tagProposals: TagProposalConnection;
  /** Who could see fields with a tag, or one under it: as they are, or with unmasked: false through a mask too. */
  readonly whoCanSee: ReadonlyArray<Exposure>;
  /** Who was given fields with a tag, or one under it, as they are: by the record of the last 90 days, or since a moment. */
  readonly whoSaw: ReadonlyArray<Sight>;
  /** The processes that live, the longest there first. */
  readonly workers: ReadonlyArray<Worker>;
};


export type QueryAccessArgs = {
  as?: InputMaybe<PrincipalInput>;
  dataset: Scalars['String']['input'];
};


export type QueryAccessDiffArgs = {
  manifest: Scalars['String']['input'];
};


export type QueryAuditEntriesArgs = {
  after?: InputMaybe<Scalars['String']['input']>;
  first?: InputMaybe<Scalars['Int']['input']>;
  where?: InputMaybe<AuditWhere>;
};


export type QueryChangeRequestsArgs = {
  status?: InputMaybe<ChangeStatus>;
};


export type QueryCollectorArgs = {
  name: Scalars['String']['input'];
};


export type QueryConsentsArgs = {
  subject: Scalars['String']['input'];
};


export type QueryDatasetArgs = {
  name: Scalars['String']['input'];
};


export type QueryDatasetsArgs = {
  after?: InputMaybe<Scalars['String']['input']>;
  first?: InputMaybe<Scalars['Int']['input']>;
  search?: InputMaybe<Scalars['String']['input']>;
  stage?: InputMaybe<LifecycleStage>;
  tag?: InputMaybe<Scalars['String']['input']>;
};


export type QueryGrantUsesArgs = {
  since?: InputMaybe<Scalars['DateTime']['input']>;
  unused?: InputMaybe<Scalars['Boolean']['input']>;
};


export type QueryGrantsArgs = {
  dataset?: InputMaybe<Scalars['String']['input']>;
};


export type QueryPipelineArgs = {
  name: Scalars['String']['input'];
};


export type QueryQualityReportsArgs = {
  after?: InputMaybe<Scalars['String']['input']>;
  dataset?: InputMaybe<Scalars['String']['input']>;
  first?: InputMaybe<Scalars['Int']['input']>;
};


export type QueryQuarantineArgs = {
  after?: InputMaybe<Scalars['String']['input']>;
  dataset: Scalars['String']['input'];
  field?: InputMaybe<Scalars['String']['input']>;
  first?: InputMaybe<Scalars['Int']['input']>;
  rule?: InputMaybe<Scalars['String']['input']>;
  run?: InputMaybe<Scalars['ID']['input']>;
  state?: InputMaybe<QuarantineState>;
};


export type QueryRunArgs = {
  id: Scalars['ID']['input'];
};


export type QueryRunsArgs = {
  after?: InputMaybe<Scalars['String']['input']>;
  collector?: InputMaybe<Scalars['String']['input']>;
  dataset?: InputMaybe<Scalars['String']['input']>;
  deadLetter?: InputMaybe<Scalars['Boolean']['input']>;
  first?: InputMaybe<Scalars['Int']['input']>;
  kind?: InputMaybe<RunKind>;
  pipeline?: InputMaybe<Scalars['String']['input']>;
  status?: InputMaybe<RunStatus>;
};


export type QueryTagProposalsArgs = {
  after?: InputMaybe<Scalars['String']['input']>;
  dataset?: InputMaybe<Scalars['String']['input']>;
  first?: InputMaybe<Scalars['Int']['input']>;
  status?: InputMaybe<TagProposalStatus>;
};


export type QueryWhoCanSeeArgs = {
  tag: Scalars['String']['input'];
  unmasked?: InputMaybe<Scalars['Boolean']['input']>;
};


export type QueryWhoSawArgs = {
  since?: InputMaybe<Scalars['DateTime']['input']>;
  tag: Scalars['String']['input'];
};

/** As what a content is read: what was said, what was found out, and else what is usual. Of several files the first one. */
export type ReadAs = {
  readonly decimal?: Maybe<Scalars['String']['output']>;
  /** Of CSV, as are the next three. */
  readonly delimiter?: Maybe<Scalars['String']['output']>;
  /** Of a text. */
  readonly encoding?: Maybe<Scalars['String']['output']>;
  readonly format: FileFormat;
  /** Of fields that have none in the contract, where they were found out. */
  readonly formats: ReadonlyArray<ReadFormat>;
  readonly header?: Maybe<Scalars['Boolean']['output']>;
  /** gzip or zstd. */
  readonly packing?: Maybe<Scalars['String']['output']>;
  readonly quote?: Maybe<Scalars['String']['output']>;
};

/** The format in which dates and times of a field are read. */
export type ReadFormat = {
  readonly field: Scalars['String']['output'];
  readonly format: Scalars['String']['output'];
};

/** One piece of long work, from its request to its end. rowsRead = rowsLoaded + rowsQuarantined + rowsDeduplicated. */
export type Run = {
  /** How often a worker took it. */
  readonly attempt: Scalars['Int']['output'];
  readonly bytesRead: Scalars['BigInt']['output'];
  /** The collector whose run it is. */
  readonly collector?: Maybe<Scalars['String']['output']>;
  readonly createdAt: Scalars['DateTime']['output'];
  readonly dataset?: Maybe<Dataset>;
  /** It was given up, though it might succeed later: redriveRuns does it again. */
  readonly deadLetter: Scalars['Boolean']['output'];
  readonly error?: Maybe<RunError>;
  readonly finishedAt?: Maybe<Scalars['DateTime']['output']>;
  readonly id: Scalars['ID']['output'];
  readonly kind: RunKind;
  /** Why the try before this one failed; the run was queued again, since it may pass. */
  readonly lastError?: Maybe<RunError>;
  /** Before which it is not tried again; null when it waits for nothing but a worker. */
  readonly nextAttemptAt?: Maybe<Scalars['DateTime']['output']>;
  /** The run that this one repeats or goes on with. */
  readonly parentId?: Maybe<Scalars['ID']['output']>;
  /** The partition of its source that this run takes. */
  readonly partition?: Maybe<Scalars['String']['output']>;
  readonly pipeline?: Maybe<Scalars['String']['output']>;
  readonly priority: RunPriority;
  /** From 0 to 1; null while the size is not known. */
  readonly progress?: Maybe<Scalars['Float']['output']>;
  /** Rows that it refused and that are still in quarantine; null for who may not look at that. */
  readonly quarantine?: Maybe<QuarantinedRowConnection>;
  /** The run that does again what this one was given up for. */
  readonly redrivenAs?: Maybe<Scalars['ID']['output']>;
  /** The runs that refused what this one tried again, as far as you may see them. */
  readonly replayOf: ReadonlyArray<Run>;
  /** The runs that tried again what this one had refused, as far as you may see them. */
  readonly replays: ReadonlyArray<Run>;
  readonly requestedBy: Scalars['String']['output'];
  readonly rowsDeduplicated: Scalars['BigInt']['output'];
  readonly rowsLoaded: Scalars['BigInt']['output'];
  readonly rowsQuarantined: Scalars['BigInt']['output'];
  readonly rowsRead: Scalars['BigInt']['output'];
  readonly startedAt?: Maybe<Scalars['DateTime']['output']>;
  readonly status: RunStatus;
  readonly steps: ReadonlyArray<RunStep>;
  /** Rows a second, from the start of its last attempt to the end or until now. */
  readonly throughput?: Maybe<Scalars['Float']['output']>;
};


/** One piece of long work, from its request to its end. rowsRead = rowsLoaded + rowsQuarantined + rowsDeduplicated. */
export type RunQuarantineArgs = {
  after?: InputMaybe<Scalars['String']['input']>;
  first?: InputMaybe<Scalars['Int']['input']>;
};

export type RunConnection = {
  readonly edges: ReadonlyArray<RunEdge>;
  readonly nodes: ReadonlyArray<Run>;
  readonly pageInfo: PageInfo;
  /** All that match, not of the page. */
  readonly totalCount: Scalars['Int']['output'];
};

export type RunEdge = {
  readonly cursor: Scalars['String']['output'];
  readonly node: Run;
};

/** Why a run failed. */
export type RunError = {
  /** One of the stable codes of docs/errors.md. */
  readonly code: Scalars['String']['output'];
  /** Where it is: line, column, field; never a value. */
  readonly details?: Maybe<Scalars['JSON']['output']>;
  readonly message: Scalars['String']['output'];
};

/** What a run does. */
export type RunKind =
  | 'INGESTION'
  | 'PIPELINE'
  | 'QUALITY';

/** Of the runs that wait for a worker the highest is taken first. */
export type RunPriority =
  | 'HIGH'
  | 'LOW'
  | 'NORMAL';

/** Where a run is; the last three are final. */
export type RunStatus =
  | 'CANCELLED'
  | 'FAILED'
  | 'QUEUED'
  | 'RUNNING'
  | 'SUCCEEDED';

export type RunStep = {
  readonly finishedAt?: Maybe<Scalars['DateTime']['output']>;
  readonly kind: Scalars['String']['output'];
  readonly name: Scalars['String']['output'];
  readonly position: Scalars['Int']['output'];
  readonly rowsIn?: Maybe<Scalars['BigInt']['output']>;
  readonly rowsOut?: Maybe<Scalars['BigInt']['output']>;
  readonly seconds?: Maybe<Scalars['Float']['output']>;
  readonly startedAt?: Maybe<Scalars['DateTime']['output']>;
  /** The SQL that ran. */
  readonly statement?: Maybe<Scalars['String']['output']>;
  readonly status: RunStatus;
};

/** When something is started again and again. */
export type Schedule = {
  readonly catchUp: CatchUp;
  /** Minute, hour, day of the month, month, day of the week. */
  readonly cron: Scalars['String']['output'];
  readonly timeZone: Scalars['String']['output'];
};

/** warn is reported; error keeps the row out. */
export type Severity =
  | 'error'
  | 'warn';

/** Somebody who was given values of a field as they are, by the record. */
export type Sight = {
  /** Reads, exports and the like. */
  readonly acts: Scalars['Int']['output'];
  readonly dataset: Scalars['String']['output'];
  readonly field: Scalars['String']['output'];
  readonly last: Scalars['DateTime']['output'];
  readonly principal: Scalars['String']['output'];
  readonly purposes: ReadonlyArray<Scalars['String']['output']>;
  /** All rows of these acts. */
  readonly rows: Scalars['BigInt']['output'];
};

/** Another system, whose rows stay there or are collected. Where it is, and with which secret, is told to nobody. */
export type Source = {
  /** The code of the error that reads end with now; null when they do not. */
  readonly code?: Maybe<Scalars['String']['output']>;
  /** Those whose rows are there. */
  readonly datasets: ReadonlyArray<Dataset>;
  readonly description?: Maybe<Scalars['String']['output']>;
  readonly name: Scalars['String']['output'];
  /** It is asked now. */
  readonly status: SourceStatus;
  readonly type: SourceType;
};

/** Tables of a source as manifests. Nothing is applied yet. */
export type SourceImport = {
  /** The names of the datasets in it. */
  readonly datasets: ReadonlyArray<Scalars['String']['output']>;
  /** Documents of kind Dataset, as YAML. */
  readonly manifest: Scalars['String']['output'];
  /** What of the tables is not in it, and why. */
  readonly warnings: ReadonlyArray<Scalars['String']['output']>;
};

/** OK: it answers. UNREACHABLE: it does not. OPEN: it did not several times, and is left alone for some seconds. UNASKED: it is asked only when its rows are collected. */
export type SourceStatus =
  | 'OK'
  | 'OPEN'
  | 'UNASKED'
  | 'UNREACHABLE';

export type SourceType =
  | 'events'
  | 'files'
  | 'graphql'
  | 'http'
  | 'kafka'
  | 'nats'
  | 'postgres'
  | 'redis';

/** All that you may export of a person, as a ZIP archive that is made while you fetch it. */
export type SubjectExport = {
  /** Nothing that you may know of is withheld, masked, elsewhere or waiting. */
  readonly complete: Scalars['Boolean']['output'];
  readonly datasets: ReadonlyArray<SubjectExportDataset>;
  /** Datasets that stay at a source: ask there. */
  readonly elsewhere: ReadonlyArray<Scalars['String']['output']>;
  readonly expiresAt: Scalars['DateTime']['output'];
  readonly id: Scalars['ID']['output'];
  /** dataset.field of what is masked in the files. */
  readonly masked: ReadonlyArray<Scalars['String']['output']>;
  /** The path to GET with the same credential, and X-Purpose where one is needed. */
  readonly url: Scalars['String']['output'];
  /** What may be about the person, waits to be loaded and is not in the archive: events/dataset, dead-letters/dataset. Withheld with quarantine/dataset. */
  readonly waiting: ReadonlyArray<Scalars['String']['output']>;
  /** What you may not export: a dataset (or some of its rows), dataset.field, quarantine/dataset. It does not say that there is something. */
  readonly withheld: ReadonlyArray<Scalars['String']['output']>;
};

export type SubjectExportDataset = {
  readonly dataset: Scalars['String']['output'];
  /** Rows that loads refused; null where you may not export every field plain, in every row. */
  readonly quarantined?: Maybe<Scalars['Int']['output']>;
  /** As it was when the export was asked for. */
  readonly rows: Scalars['Int']['output'];
};

export type Subscription = {
  /** Each entry as it gets its place in the chain, in that order. */
  readonly auditAppended: AuditEntry;
  /** Tells that a load or a pipeline changed the rows of a dataset; several changes can come as one. */
  readonly datasetChanged: DatasetChange;
  /** A run as it goes on, at first as it is now: a few times a second at the most, until it is over. */
  readonly runProgress: Run;
};


export type SubscriptionDatasetChangedArgs = {
  dataset: Scalars['String']['input'];
};


export type SubscriptionRunProgressArgs = {
  id: Scalars['ID']['input'];
};

/** A tag that was found for a field when rows were loaded: counts and scores, never a value of data. */
export type TagProposal = {
  /** The column's name speaks for it. */
  readonly byName: Scalars['Boolean']['output'];
  readonly createdAt: Scalars['DateTime']['output'];
  readonly dataset?: Maybe<Dataset>;
  readonly decidedAt?: Maybe<Scalars['DateTime']['output']>;
  readonly decidedBy?: Maybe<Scalars['String']['output']>;
  /** What found it: email, phone, iban, card, ipv4, national_id.de ... */
  readonly detector: Scalars['String']['output'];
  readonly field: Scalars['String']['output'];
  readonly id: Scalars['ID']['output'];
  /** Those of the kind. */
  readonly matching: Scalars['Int']['output'];
  /** Why it was decided so. */
  readonly reason?: Maybe<Scalars['String']['output']>;
  /** The load after which it was found last. */
  readonly runId?: Maybe<Scalars['ID']['output']>;
  /** Distinct values that were looked at. */
  readonly sampled: Scalars['Int']['output'];
  /** How sure the detector is, from 0 to 1. */
  readonly score: Scalars['Float']['output'];
  /** Of the distinct values that were looked at, the share of the kind. */
  readonly share: Scalars['Float']['output'];
  readonly status: TagProposalStatus;
  readonly tag: Scalars['String']['output'];
};

export type TagProposalConnection = {
  readonly edges: ReadonlyArray<TagProposalEdge>;
  readonly nodes: ReadonlyArray<TagProposal>;
  readonly pageInfo: PageInfo;
  /** All that match, not of the page. */
  readonly totalCount: Scalars['Int']['output'];
};

export type TagProposalEdge = {
  readonly cursor: Scalars['String']['output'];
  readonly node: TagProposal;
};

/** OPEN: no steward has decided yet. */
export type TagProposalStatus =
  | 'ACCEPTED'
  | 'OPEN'
  | 'REFUSED';

/** secret: without a grant on it, it does not exist. */
export type Visibility =
  | 'listed'
  | 'secret';

/** A process that does runs or receives them. */
export type Worker = {
  /** When it was heard of last; one that is silent for 15 seconds is not shown. */
  readonly heartbeatAt: Scalars['DateTime']['output'];
  readonly host: Scalars['String']['output'];
  readonly id: Scalars['ID']['output'];
  readonly name: Scalars['String']['output'];
  /** gateway answers HTTP, worker does what is queued. */
  readonly roles: ReadonlyArray<Scalars['String']['output']>;
  /** What it does now. */
  readonly runs: ReadonlyArray<Run>;
  readonly since: Scalars['DateTime']['output'];
};
