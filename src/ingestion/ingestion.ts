import type { Actor, AuditLog } from '../audit/index.js';
import { loadCatalog, refuseLive, type Dataset } from '../catalog/index.js';
import type { JobHandler } from '../jobs/index.js';
import { HeadgateError, isHeadgateError, newId } from '../kernel/index.js';
import { advanceStage, AttemptLostError, RUN_PRIORITIES, WHOLE_LOAD, type RunContext, type RunEntity, type RunKeeper, type Runs } from '../lifecycle/index.js';
import type { Database, Transaction } from '../store/index.js';
import type { FieldCipher } from '../vault/index.js';
import { dialectRequest, dialectText } from './dialect/dialect.js';
import { placeOf } from './fetched.js';
import { formatOf } from './format.js';
import { isCommitted } from './in-doubt.js';
import type { LoadPermission } from './load-permission.js';
import type { LoadRequest } from './load-request.js';
import { checkMode, type Loader, type ReplayRequest } from './loader.js';
import { LOAD_MODES, type LoadMode, type LoadOutcome } from './outcome.js';
import { openedContent, queuedContent } from './queued-content.js';
import { actorOf, dialectOf, keptDialect, ReplayContent, RunInput, type IngestInput, type LoadActor, type ReplayInput } from './run-input.js';
import { isPattern } from './file-pattern.js';
import type { Source } from './source.js';

/** What follows a load, in its transaction: a quality report, the next job. Short: readers may wait for the commit. */
export type AfterLoad = (tx: Transaction, dataset: Dataset, run: RunEntity, outcome: LoadOutcome, actor: Actor) => Promise<void>;

export interface IngestionOptions {
  readonly database: Database;
  readonly loader: Loader;
  readonly runs: Runs;
  readonly keeper: RunKeeper;
  readonly audit: Pick<AuditLog, 'record' | 'recordIn'>;
  readonly afterLoad?: AfterLoad;
  /** Of encrypted fields; without it no dataset with such fields can be loaded. */
  readonly cipher?: FieldCipher | undefined;
  /** Asked when the turn of a queued load has come; without it what was allowed once is done. */
  readonly permission?: Pick<LoadPermission, 'check'> | undefined;
}

/** A load that is done while the caller waits. */
export interface LoadNow extends Omit<LoadRequest, 'runId' | 'dataset' | 'mode' | 'inTransaction'> {
  readonly dataset: string;
  readonly mode?: string | undefined;
}

/**
 * Loads with their runs and audit entries. Whether the principal may load is for the caller to check before. Every load
 * ends in one transaction that holds rows, quarantine, ledger, counts, stage, the run's end and the entry `ingest`.
 */
export class Ingestion {
  readonly #options: IngestionOptions;

  constructor(options: IngestionOptions) {
    this.#options = options;
  }

  /** Deletes what killed processes left behind. */
  async start(): Promise<void> {
    await this.#options.loader.start();
  }

  /**
   * Loads in this process and resolves when it is committed: the run has the counts.
   * @throws HeadgateError as Loader.load; CONFLICT when a load with the same idempotency key is under way. The run then says the same.
   */
  async loadNow({ dataset: name, mode: wantedMode, ...request }: LoadNow, actor: LoadActor): Promise<RunEntity> {
    const { database, runs, keeper, loader } = this.#options;
    const dataset = await this.#dataset(name);
    const mode = modeOf(wantedMode);
    checkMode(dataset, mode);
    const { idempotencyKey, format, force } = request;
    const input: RunInput = {
      mode,
      ...(format !== undefined && { format }),
      ...(force && { force }),
      ...nameOf(request.source),
      ...(request.dialect && keptDialect(request.dialect)),
      actor: actorOf(actor),
    };
    const { run, created } = await database.transaction((tx) =>
      runs.begin(
        tx,
        {
          kind: 'INGESTION',
          dataset: name,
          input: { ...input },
          requestedBy: actor.subject,
          requestedWith: actor.credential,
          ...(idempotencyKey !== undefined && { idempotencyKey }),
        },
        keeper.worker,
      ),
    );
    if (!created) {
      if (run.status !== 'SUCCEEDED') {
        throw new HeadgateError('CONFLICT', `A load of "${name}" with this idempotency key is under way. Wait for its run to end.`, {
          dataset: name,
          run: run.id,
        });
      }
      // The ledger compares the contents; it never loads under a key that it knows.
      await loader.load({ ...request, dataset, mode, runId: newId() });
      return runs.get(run.id);
    }
    await keeper.attend(run, request.signal ?? new AbortController().signal, (begun, context) =>
      this.#perform(begun, dataset, { ...request, mode }, actor, context),
    );
    return runs.get(run.id);
  }

  /**
   * Queues a load of inline content or of a file below the configured folder; a worker does it, also after a restart.
   * @throws HeadgateError NOT_FOUND for an unknown dataset; BAD_USER_INPUT for an input that makes no sense; CONFLICT when the idempotency
   *   key was used for another input.
   */
  async submit({ dataset: name, content, source, url, ...rest }: IngestInput, actor: LoadActor): Promise<RunEntity> {
    const { database, runs } = this.#options;
    const dataset = await this.#dataset(name);
    const mode = modeOf(rest.mode);
    checkMode(dataset, mode);
    if ([content, source, url].filter((given) => given !== undefined).length !== 1) {
      throw new HeadgateError(
        'BAD_USER_INPUT',
        'Expected exactly one of source (a file below the configured folder), url, and content (the rows themselves).',
        {},
      );
    }
    if (url !== undefined && !/^https?:\/\//i.test(url)) {
      throw new HeadgateError('BAD_USER_INPUT', 'url: expected one that begins with http:// or https://.', { path: 'url' });
    }
    // What is at a URL, or which files there are, may say the format itself.
    const isOpen = url !== undefined || (source !== undefined && isPattern(source));
    const format = isOpen && rest.format === undefined ? undefined : formatOf({ format: rest.format, fileName: source });
    const dialect = dialectRequest(rest);
    if (source !== undefined) await this.#options.loader.checkFile(source);
    const kept = content ?? url;
    const queued = kept === undefined ? undefined : await queuedContent(dataset, kept, this.#options.cipher);
    const input: RunInput = {
      mode,
      ...(format !== undefined && { format }),
      ...(rest.force && { force: true }),
      ...(source !== undefined && { source }),
      ...(url !== undefined && { url: placeOf(url) }),
      ...(queued && { contentHash: queued.hash }),
      ...keptDialect(dialect),
      actor: actorOf(actor),
    };
    const { idempotencyKey } = rest;
    return database.transaction(async (tx) => {
      const { run, created } = await runs.submit(tx, {
        kind: 'INGESTION',
        dataset: name,
        input: { ...input },
        requestedBy: actor.subject,
        requestedWith: actor.credential,
        priority: RUN_PRIORITIES[rest.priority ?? 'NORMAL'],
        // They would wait for each other at the dataset's row, each in a place that another could use.
        group: { id: `dataset/${name}`, limit: 1 },
        ...(idempotencyKey !== undefined && { idempotencyKey }),
      });
      if (created && queued) await tx.query('INSERT INTO headgate.run_content (run_id, content) VALUES ($1, $2)', [run.id, await queued.bytesFor(run.id)]);
      const before = RunInput.parse(run.input);
      if (!created && (before.source !== input.source || before.contentHash !== input.contentHash)) {
        throw new HeadgateError('CONFLICT', `The idempotency key was used before for "${name}" with another input. Use a new key for new content.`, {
          dataset: name,
          run: run.id,
        });
      }
      return run;
    });
  }

  /**
   * Does all of a load, tells what it did, and takes it back: nothing is changed, but for the entry `ingest.preview`.
   * @throws HeadgateError as Loader.load
   */
  async preview({ dataset: name, mode: wantedMode, ...request }: LoadNow, actor: LoadActor, rows: number): Promise<LoadOutcome> {
    const { loader, audit } = this.#options;
    const dataset = await this.#dataset(name);
    const mode = modeOf(wantedMode);
    const began = performance.now();
    const fact = { actor, action: 'ingest.preview', dataset: dataset.name };
    try {
      const outcome = await loader.load({ ...request, dataset, mode, runId: newId(), actor, preview: { rows } });
      const { read, loaded, quarantined, deduplicated, contentHash } = outcome;
      const details = { mode, read, loaded, quarantined, deduplicated, contentHash };
      await audit.record({ ...fact, decision: 'ALLOWED', durationMs: performance.now() - began, details });
      return outcome;
    } catch (error) {
      const code = isHeadgateError(error) ? error.code : 'INTERNAL_SERVER_ERROR';
      await audit.record({ ...fact, decision: 'FAILED', durationMs: performance.now() - began, details: { mode, code } });
      throw error;
    }
  }

  /**
   * Queues a load of rows of the quarantine; a worker does it, also after a restart.
   * @throws HeadgateError NOT_FOUND for an unknown dataset; BAD_USER_INPUT for a mode or a patch that makes no sense
   */
  async submitReplay({ dataset: name, ids, patch = {}, mode: wantedMode }: ReplayInput, actor: LoadActor): Promise<RunEntity> {
    const { database, runs, cipher } = this.#options;
    const dataset = await this.#dataset(name);
    const mode = modeOf(wantedMode);
    if (mode === 'replace') throw new HeadgateError('BAD_USER_INPUT', 'Rows of the quarantine are appended or merged; they are never all that a dataset has.');
    checkMode(dataset, mode);
    const unknown = Object.keys(patch).find((field) => !dataset.fields.some((known) => known.name === field));
    if (unknown !== undefined) throw new HeadgateError('BAD_USER_INPUT', `patch: "${unknown.slice(0, 80)}" is no field of "${name}".`, { path: 'patch' });
    // What takes the place of a value is one.
    const queued = await queuedContent(dataset, JSON.stringify({ ids, patch }), cipher);
    return database.transaction(async (tx) => {
      const input: RunInput = { mode, replay: true, actor: actorOf(actor) };
      const { run } = await runs.submit(tx, {
        kind: 'INGESTION',
        dataset: name,
        input: { ...input },
        requestedBy: actor.subject,
        requestedWith: actor.credential,
        group: { id: `dataset/${name}`, limit: 1 },
      });
      await tx.query('INSERT INTO headgate.run_content (run_id, content) VALUES ($1, $2)', [run.id, await queued.bytesFor(run.id)]);
      return run;
    });
  }

  /** For a worker of the queue `ingestion`: does the run whose id the job carries. */
  get handler(): JobHandler {
    return async ({ id }, { signal }) => {
      await this.#options.keeper.perform(id, signal, async (run, context) => {
        const input = RunInput.parse(run.input);
        const { mode, format, force, source, replay, actor } = input;
        const dataset = await this.#dataset(run.dataset ?? '');
        const content = async () => this.#content(run);
        const by: Actor = { subject: run.requestedBy, roles: actor.roles, ...(actor.purpose !== undefined && { purpose: actor.purpose }) };
        if (replay) {
          const replayed = ReplayContent.parse(JSON.parse((await content()).toString()));
          await this.#askAgain(run, input, dataset, { actor: by, patched: Object.keys(replayed.patch) });
          await this.#perform(run, dataset, { ...replayed, mode }, by, context);
          return;
        }
        await this.#askAgain(run, input, dataset, { actor: by });
        const request = { mode, format, force, dialect: dialectOf(input), idempotencyKey: run.idempotencyKey ?? undefined };
        const from = source === undefined ? keptSource(await content(), input) : { file: source };
        await this.#perform(run, dataset, { ...request, source: from }, by, context);
      });
    };
  }

  /** Grants and credentials may have gone while the load waited. @throws HeadgateError FORBIDDEN, on the record */
  async #askAgain(run: RunEntity, input: RunInput, dataset: Dataset, { actor, patched }: { readonly actor: Actor; readonly patched?: readonly string[] }) {
    try {
      await this.#options.permission?.check(run, input, dataset, patched);
    } catch (error) {
      if (isHeadgateError(error) && error.code === 'FORBIDDEN') {
        const action = input.replay ? 'quarantine.replay' : 'ingest';
        await this.#options.audit.record({ actor, action, dataset: dataset.name, decision: 'DENIED', details: { run: run.id, code: error.code } });
      }
      throw error;
    }
  }

  async #perform(
    run: RunEntity,
    dataset: Dataset,
    request: (Omit<LoadNow, 'dataset' | 'mode'> | Pick<ReplayRequest, 'ids' | 'patch'>) & { readonly mode: LoadMode },
    actor: Actor,
    context: RunContext,
  ): Promise<void> {
    const { database, loader, runs, audit, afterLoad } = this.#options;
    const began = performance.now();
    const fact = { actor, action: 'patch' in request ? 'quarantine.replay' : 'ingest', dataset: dataset.name };
    try {
      const common = {
        dataset,
        runId: run.id,
        actor,
        signal: context.signal,
        inTransaction: async (tx: Transaction, outcome: LoadOutcome, loadedInto: Dataset) => {
          const { read, loaded, quarantined, deduplicated, bytes } = outcome;
          await runs.finish(tx, run, {
            rowsRead: read,
            rowsLoaded: loaded,
            rowsQuarantined: quarantined,
            rowsDeduplicated: deduplicated,
            bytesRead: bytes,
            bytesTotal: bytes,
          });
          await advanceStage(tx, dataset.name, WHOLE_LOAD);
          const what = 'patch' in request ? { patched: Object.keys(request.patch) } : { contentHash: outcome.contentHash };
          const found = 'dialect' in request && request.dialect?.detect ? { dialect: dialectText(outcome.dialect ?? {}) } : {};
          const details = { run: run.id, mode: request.mode, read, quarantined, deduplicated, ...what, ...found };
          await audit.recordIn(tx, { ...fact, decision: 'ALLOWED', rowCount: loaded, durationMs: performance.now() - began, details });
          await afterLoad?.(tx, loadedInto, run, outcome, actor);
        },
      };
      if ('patch' in request) {
        await loader.replay({ ...request, ...common });
        return;
      }
      await loader.load({
        ...request,
        ...common,
        onProgress: (progress) => {
          const { phase, bytesRead, bytesTotal, rowsRead } = progress;
          // The counts are of the content, unpacked; while it is received they are not known yet.
          if (phase === 'load') context.progress({ bytesRead, ...(bytesTotal !== undefined && { bytesTotal }), ...(rowsRead !== undefined && { rowsRead }) });
          request.onProgress?.(progress);
        },
      });
    } catch (error) {
      if (await isCommitted(database, run, error)) return;
      if (!(error instanceof AttemptLostError) && !context.signal.aborted) {
        const code = isHeadgateError(error) ? error.code : 'INTERNAL_SERVER_ERROR';
        await audit.record({ ...fact, decision: 'FAILED', durationMs: performance.now() - began, details: { run: run.id, mode: request.mode, code } });
      }
      throw error;
    }
  }

  async #dataset(name: string): Promise<Dataset> {
    const { datasets } = await this.#options.database.transaction(loadCatalog, 'REPEATABLE READ');
    const dataset = datasets.get(name);
    if (!dataset) throw new HeadgateError('NOT_FOUND', `There is no dataset "${name.slice(0, 64)}".`, { dataset: name.slice(0, 64) });
    refuseLive(dataset, 'a load');
    return dataset;
  }

  /** It was sealed for the run that it came with. */
  async #content({ id, contentOf }: RunEntity): Promise<Buffer> {
    const { database, cipher } = this.#options;
    const keptFor = contentOf ?? id;
    const [row] = await database.query<{ content: Buffer }>('SELECT content FROM headgate.run_content WHERE run_id = $1', [keptFor]);
    if (!row) throw new HeadgateError('NOT_FOUND', 'The content of the run is not there any more.', { run: id });
    return openedContent(keptFor, row.content, cipher);
  }
}

/** @throws HeadgateError BAD_USER_INPUT when it is not one of the modes; absent is append. */
function modeOf(text = 'append'): LoadMode {
  const mode = LOAD_MODES.find((known) => known === text.toLowerCase());
  if (!mode) throw new HeadgateError('BAD_USER_INPUT', `Expected the mode ${LOAD_MODES.join(', ')}, got "${text.slice(0, 40)}".`, { expected: LOAD_MODES });
  return mode;
}

/** What a run tells of its source: a name, never content. */
function nameOf(source: Source): { readonly source?: string } {
  if ('path' in source) return { source: source.path };
  if ('file' in source) return { source: source.file };
  if ('url' in source) return { source: placeOf(source.url) };
  return source.name === undefined ? {} : { source: source.name };
}

/** What was kept until now: content, or the whole of a URL. */
function keptSource(kept: Buffer, { url }: RunInput): Source {
  return url === undefined ? { content: kept } : { url: kept.toString() };
}
