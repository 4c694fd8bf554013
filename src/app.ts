import 'reflect-metadata';
import { Admission, AnswerCache, Reader } from './access/index.js';
import { AuditCheckpointEntity, AuditEntryEntity, AuditFeed, Tally } from './audit/index.js';
import {
  catalogEntities,
  classificationKind,
  DataChanges,
  datasetKind,
  forgetEndedHolds,
  legalHoldKind,
  Live,
  loadCatalog,
  purposeKind,
  raiseCatalogVersion,
  sourceKind,
  type ManifestKind,
} from './catalog/index.js';
import { TagProposalEntity } from './classification/index.js';
import type { Config } from './config/index.js';
import { Detokenizer, Exporter, openSubjects, SUBJECT_EXPORTS } from './delivery/index.js';
import {
  AccessGrantEntity,
  Authorizer,
  ChangePolicyEntity,
  changePolicyKind,
  ChangeRequestEntity,
  ContractKeeper,
  forgetConsents,
  grantKind,
  loadPolicy,
  ManifestChanges,
} from './governance/index.js';
import {
  buildControlSchema,
  ChangeReads,
  createContext,
  DocumentGate,
  readTrustedDocuments,
  Subscriptions,
  Views,
  type RequestFacts,
  type World,
} from './graphql/index.js';
import { Gate, Gateway, Metrics, Overload, SharedCounts } from './http/index.js';
import { ApiKeyEntity, Authenticator, RevokedTokenEntity, type Principal } from './identity/index.js';
import {
  CollectorEntity,
  collectorKind,
  EventReceiver,
  forgetAllKeptContent,
  forgetKeptContent,
  holdOnKeptContent,
  Inbox,
  InboxSubjects,
  isInKeptContent,
  Quarantine,
  QuarantineActs,
  QuarantinedRowEntity,
} from './ingestion/index.js';
import { Closing, createLog, type HeadgateError, type Log } from './kernel/index.js';
import { RunEntity, RunFeed, RunStepEntity } from './lifecycle/index.js';
import { Outbound } from './outbound/index.js';
import { PipelineEntity, pipelineKind } from './processing/index.js';
import { QualityCheckEntity, QualityReportEntity } from './quality/index.js';
import { HttpClients, Sources } from './sources/index.js';
import { prepareParser } from './sql/index.js';
import { openRecord, type Audit } from './record.js';
import { controlServices } from './control-services.js';
import { openWork } from './work.js';
import { KeptAnswers } from './storage/index.js';
import { EXPORT_SESSIONS, KeyRing, Notifications, openStore, type Database, type Transaction } from './store/index.js';
import { forgetAllTokens, KeyKeeper, MasterKeys, openFieldKeys, REWRAPPERS, subjectReference, TokenVault } from './vault/index.js';

/** A running Headgate. */
export interface App {
  /** Where it answers; undefined without the role `gateway`. */
  readonly url: string | undefined;
  readonly keyRing: KeyRing;
  /** In order: HTTP drains, workers end or hand back, the audit is flushed, sealed and signed, the store closes. Twice is once. */
  close(): Promise<void>;
}

const ENTITIES = [
  ...catalogEntities,
  AccessGrantEntity,
  ChangePolicyEntity,
  ChangeRequestEntity,
  CollectorEntity,
  PipelineEntity,
  AuditEntryEntity,
  AuditCheckpointEntity,
  ApiKeyEntity,
  RevokedTokenEntity,
  QuarantinedRowEntity,
  RunEntity,
  RunStepEntity,
  QualityReportEntity,
  QualityCheckEntity,
  TagProposalEntity,
];

/** Exports of one principal at a time: one place is left to the others. */
const EXPORTS_OF_ONE = EXPORT_SESSIONS - 1;

/** In the order in which they depend on each other. */
const KINDS = [
  purposeKind,
  sourceKind,
  classificationKind,
  datasetKind,
  pipelineKind,
  collectorKind,
  grantKind,
  legalHoldKind,
  changePolicyKind,
] as unknown as readonly ManifestKind[];

/**
 * Opens the store and puts the rooms together, for the roles of the configuration. When it rejects, nothing stays open.
 * @throws HeadgateError CONFLICT for a home or port in use; UNAVAILABLE for a database that can't be used; BAD_USER_INPUT for a setting.
 */
export async function startApp(config: Config, { log = createLog(config.logLevel) }: { readonly log?: Log } = {}): Promise<App> {
  const closing = new Closing(log);
  try {
    return await wire(config, log, closing);
  } catch (error) {
    await closing.close();
    throw error;
  }
}

async function wire(config: Config, log: Log, closing: Closing): Promise<App> {
  await prepareParser();
  const documents = await openDocuments(config);
  const keyRing = await KeyRing.open(config.home, config.masterKeys);
  const { database, ...store } = await openStore(config, ENTITIES);
  closing.add('store', () => store.close());
  const notifications = new Notifications(database.connection, log);
  closing.add('notifications', () => notifications.close());
  await notifications.start();
  const masterKeys = await MasterKeys.start({ database, notifications, keyRing, log });
  closing.add('master keys', () => masterKeys.close());

  const outbound = new Outbound({ allow: config.outboundAllow, log });
  closing.add('outbound', () => outbound.close());
  const metrics = new Metrics(database);
  const record = openRecord({ config, log, database, masterKeys, metrics, outbound, closing });
  const live = await Live.start({ database, notifications, log, load: (tx) => loadWorld(tx, log, masterKeys) });
  closing.add('catalog', () => live.close());
  const keys = new KeyKeeper({
    database,
    keyRing,
    masterKeys,
    audit: record.audit,
    log,
    rewrappers: [...REWRAPPERS, SUBJECT_EXPORTS],
    raise: raiseCatalogVersion,
    refresh: () => live.refresh(),
  });
  closing.add('keys', () => keys.close());
  const dataChanges = await DataChanges.start({ database, notifications, log });
  closing.add('data changes', () => dataChanges.close());
  const clients = new HttpClients({ secrets: config.secrets, outbound, log });
  const sources = openSources({ config, log, live, clients, closing });
  const { cipher, subjectKeys } = await openFieldKeys({ database, keyRing, notifications, closing });
  const quarantine = new Quarantine(database, cipher);
  const inbox = new InboxSubjects(cipher, async (tx) => (await loadCatalog(tx)).datasets);
  const subjects = await openSubjects({
    home: config.home,
    database,
    keyRing,
    cipher,
    openRefused: (dataset, rows) => quarantine.opened(dataset, rows, () => true),
    audit: record.audit,
    log,
    closing,
    exportTimeoutMs: config.limits.exportTimeoutMs,
    hooks: [
      {
        name: 'consents',
        erase: (tx, subject) => forgetConsents(tx, keyRing, subject),
        keeps: [{ schema: 'headgate', table: 'consent', column: 'subject' }],
      },
      {
        name: 'keys',
        erase: (tx, subject) => subjectKeys.destroy(tx, subject),
        eraseReferences: (tx, references) => subjectKeys.destroyReferences(tx, references),
      },
      {
        name: 'holds',
        erase: (tx, subject) => forgetEndedHolds(tx, (held) => held === subject),
        eraseReferences: (tx, references) => forgetEndedHolds(tx, (held) => references.includes(subjectReference(keyRing, held))),
      },
      { name: 'tokens', erase: (tx) => forgetAllTokens(tx) },
      {
        name: 'events',
        erase: (tx, subject) => inbox.forget(tx, (text) => text === subject),
        waitsFor: (tx, subject, dataset) => inbox.waits(tx, dataset, (text) => text === subject),
        holdWith: (tx, subject) => inbox.holdWith(tx, (text) => text === subject),
        eraseReferences: (tx, references) => inbox.forget(tx, (text) => references.includes(subjectReference(keyRing, text))),
      },
      {
        name: 'dead letters',
        erase: (tx, subject) => forgetKeptContent(tx, cipher, subject),
        waitsFor: (tx, subject, dataset) => isInKeptContent(tx, cipher, subject, dataset),
        holdWith: (tx, subject) => holdOnKeptContent(tx, cipher, subject),
        eraseReferences: (tx, references) => (references.length === 0 ? Promise.resolve(0) : forgetAllKeptContent(tx, cipher)),
      },
    ],
    onErased: () => dataChanges.refresh(),
  });
  const contracts = new ContractKeeper({ kinds: KINDS, audit: record.audit, log, refresh: () => live.refresh() });
  const work = await openWork({
    config,
    log,
    database,
    audit: record.audit,
    closing,
    dataChanges,
    cipher,
    subjects,
    clients,
    contracts,
    outbound,
    notifications,
    sources,
    authorizer: async () => (await live.refresh()).authorizer,
  });
  live.subscribe(() => work.collectors.wake());
  const manifests = new ManifestChanges({ database, kinds: KINDS, audit: record.audit, sources, log, refresh: () => live.refresh() });
  const services = controlServices({
    database,
    kinds: KINDS,
    audit: record.audit,
    manifests,
    sources,
    keys,
    quarantine,
    quarantineActs: new QuarantineActs({ database, audit: record.audit }),
    subjects,
    verify: () => record.verify(),
    referenceOf: (subject) => subjectReference(keyRing, subject),
    ...work,
  });

  const app = { keyRing, close: () => closing.close() };
  if (!config.roles.includes('gateway')) return { ...app, url: undefined };
  const views = new Views(buildControlSchema(), config.limits, log);
  closing.add('views', () => views.stop());
  const answers = await openAnswers({ config, log, keyRing, dataChanges, views, metrics, closing });
  const { gate, admission, exportAdmission } = openGate({ config, log, database, metrics, audit: record.audit, closing });
  const reads = { reader: new Reader(database.reader, sources, answers, cipher), admission };
  const vault = { database, audit: record.audit, vault: new TokenVault(keyRing), maxBytes: config.limits.maxResponseBytes };
  const setting = {
    services: { ...services, detokenizer: new Detokenizer({ ...reads, ...vault }) },
    ...reads,
    limits: config.limits,
    admitIntrospection: (principal: Principal, address?: string) => gate.admitIntrospection(principal, address),
  };
  const timeoutMs = config.limits.exportTimeoutMs;
  const exporter = new Exporter({ sessionsOf: () => database.exports, cipher, audit: record.audit, admission: exportAdmission, timeoutMs });
  const contextOf = (facts: RequestFacts) => createContext(setting, facts);
  const feed = await AuditFeed.start({ database, notifications, log });
  closing.add('feed of the audit', () => feed.close());
  const runFeed = await RunFeed.start({ notifications });
  closing.add('feed of the runs', () => runFeed.close());
  const subscriptions = new Subscriptions({
    ...setting,
    feed,
    runFeed,
    runs: work.runs,
    log,
    world: () => live.current,
    onWorld: (listener) => live.subscribe(listener),
    views,
    contextOf,
    changes: dataChanges,
    audit: record.audit,
    reads: new ChangeReads({ ...setting, audit: record.audit }),
  });
  const arrivals = new Inbox({ database, log, pendingFor: record.pendingFor });
  closing.add('inbox', () => arrivals.close());
  const receiver = new EventReceiver({ database, inbox: arrivals, cipher, secrets: config.secrets, log, maxEventBytes: config.limits.maxValueBytes });
  const gateway = await Gateway.start({
    config,
    log,
    database,
    metrics,
    audit: record.audit,
    gate,
    authenticator: new Authenticator({ config, keyRing, database, outbound }),
    world: () => live.current,
    views,
    contextOf,
    subscriptions,
    documents,
    load: async (upload, principal, signal) => {
      const run = await work.ingestion.loadNow({ ...upload, signal }, principal);
      // Whoever loaded it sees it: this process does not wait to be told.
      await dataChanges.refresh();
      return run;
    },
    events: { receiver, fills: () => live.current.fills },
    preview: (upload, principal, { signal, rows }) => work.ingestion.preview({ ...upload, signal }, principal, rows),
    startExport: (request) => exporter.start(request),
    openSubjectExport: (download) => subjects.exports.open(download, exportAdmission),
    manifests,
    record,
  });
  closing.add('gateway', () => gateway.close());
  return { ...app, url: gateway.url };
}

/** Read before anything is opened: a folder that can't be used must not let any document through. */
async function openDocuments({ trustedDocumentsDir, roles }: Config): Promise<DocumentGate | undefined> {
  if (trustedDocumentsDir === undefined || !roles.includes('gateway')) return undefined;
  return new DocumentGate(await readTrustedDocuments(trustedDocumentsDir));
}

/** What bounds how much is asked of this process: rates, reads at a time, load. */
function openGate({ config, log, database, metrics, audit, closing }: Room & { readonly metrics: Metrics; readonly audit: Audit }) {
  const { limits, redisUrl } = config;
  const tally = new Tally({ audit, log, onRefusal: (reason) => metrics.refused(reason) });
  closing.add('refusals', () => tally.close());
  const overload = new Overload({ maxLoopDelayMs: limits.maxLoopDelayMs, isDatabaseBusy: () => database.isBusy });
  closing.add('load', () => overload.close());
  const counts = redisUrl === undefined ? undefined : new SharedCounts({ url: redisUrl, log });
  closing.add('shared counts', () => counts?.close());
  const onRefusal = (principal: Principal, { code, details }: HeadgateError) => tally.note(principal, { code, reason: String(details['reason']) });
  return {
    gate: new Gate({ limits, overload, tally, ...(counts && { counts }) }),
    admission: new Admission({ max: limits.maxConcurrentReads, onRefusal }),
    exportAdmission: new Admission({ max: EXPORTS_OF_ONE, what: 'exports', onRefusal }),
  };
}

/** The world, and what of it only events are asked for: which datasets each source fills. */
interface LiveWorld extends World {
  readonly fills: ReadonlyMap<string, readonly string[]>;
}

async function loadWorld(tx: Transaction, log: Log, masterKeys: MasterKeys): Promise<LiveWorld> {
  const catalog = await loadCatalog(tx);
  const collectors = [...(await collectorKind.load(tx)).values()];
  const fills = new Map([...Map.groupBy(collectors, ({ source }) => source)].map(([source, all]) => [source, all.map(({ dataset }) => dataset)]));
  return { catalog, authorizer: new Authorizer(await loadPolicy(tx, catalog, log), await masterKeys.activeIn(tx)), fills };
}

interface SourcesRoom {
  readonly config: Config;
  readonly log: Log;
  readonly live: Live<LiveWorld>;
  readonly clients: HttpClients;
  readonly closing: Closing;
}

/** The sources of the current catalog. */
function openSources({ config: { secrets }, log, live, clients, closing }: SourcesRoom): Sources {
  const sources = new Sources({ secrets, log, clients });
  closing.add('sources', () => sources.close());
  sources.settle(live.current.catalog);
  live.subscribe(({ catalog }) => sources.settle(catalog));
  return sources;
}

interface Room {
  readonly config: Config;
  readonly log: Log;
  readonly database: Database;
  readonly closing: Closing;
}

interface AnswersRoom extends Omit<Room, 'database'> {
  readonly keyRing: KeyRing;
  readonly dataChanges: DataChanges;
  readonly views: Views;
  readonly metrics: Metrics;
}

/** Answers that are kept, in this process and in Redis, and the numbers of all caches. */
async function openAnswers({ config, log, keyRing, dataChanges, views, metrics, closing }: AnswersRoom): Promise<AnswerCache> {
  const store = await KeptAnswers.open({ maxBytes: config.cacheBytes, redisUrl: config.redisUrl, keyRing, log });
  closing.add('answers', () => store.close());
  const cache = new AnswerCache({ store, markOf: (id) => dataChanges.markOf(id), secret: () => keyRing.derive('cache/key') });
  metrics.watch({
    plans: () => ({ size: views.held.plans, ...views.planCounts }),
    persistedQueries: () => views.held.persistedQueries,
    answers: () => ({ ...cache.counts, shared: store.shared, size: store.memory.size, bytes: store.memory.bytes, evictions: store.memory.evictions }),
  });
  return cache;
}
