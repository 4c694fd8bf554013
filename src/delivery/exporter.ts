import { Readable } from 'node:stream';
import type { Admission } from '../access/index.js';
import { bindExport, type Cipher, compileExport, governExport, type BoundExport, type ExportSelection, type GovernedExport } from '../access/index.js';
import type { AuditFact } from '../audit/index.js';
import type { Dataset } from '../catalog/index.js';
import type { Authorizer } from '../governance/index.js';
import type { Principal } from '../identity/index.js';
import { HeadgateError, isHeadgateError } from '../kernel/index.js';
import { EXPORT_FORMATS, type ExportFormat } from './export-format.js';
import { ExportRecord } from './export-record.js';
import { ExportRun, Left, type ExportSession } from './export-run.js';

/** Where sessions for exports come from: the store's `CopySessions`, or those of another database. */
export interface CopySource {
  open(): Promise<ExportSession>;
}

export interface ExporterOptions {
  /** Where the rows of a dataset are. */
  readonly sessionsOf: (dataset: Dataset) => CopySource;
  /** Of encrypted fields; without it none can be exported. */
  readonly cipher?: Cipher | undefined;
  readonly audit: { record(fact: AuditFact): Promise<void> };
  /** How many of them one principal may have under way; any number when absent. */
  readonly admission?: Pick<Admission, 'enter' | 'refused'>;
  /** How long an export may take, in milliseconds. */
  readonly timeoutMs: number;
  /** How long it waits for a client that takes nothing, in milliseconds. */
  readonly stallMs?: number;
}

export interface ExportRequest {
  readonly principal: Principal;
  /** Of the socket: those without a credential share their places by it. */
  readonly address?: string | undefined;
  readonly authorizer: Authorizer;
  readonly selection: ExportSelection;
  /** The values of the selection, by slot, and the regular expressions among them. */
  readonly values: readonly unknown[];
  readonly patterns: readonly string[];
  readonly format: ExportFormat;
  /** SHA-256 of what was asked, hex. */
  readonly operationHash: string;
  /** Aborted when nobody is there to take it. */
  readonly signal: AbortSignal;
}

export interface ExportFile {
  /** Ends when all was given and that is on the record; is destroyed with an error when something went wrong on the way. */
  readonly body: Readable;
  readonly contentType: string;
  readonly fileName: string;
  /** `dataset.field` of what the file shows masked, by names of the GraphQL API, sorted. */
  readonly masked: readonly string[];
  /** How many rows it holds; known once the body has ended. */
  readonly rowCount: () => number;
}

const STALL_MS = 120_000;
const AHEAD = 1 << 18;

/** Datasets as files, governed like their pages and of any size in the same memory: PostgreSQL writes the rows, and they pass through. */
export class Exporter {
  readonly #options: ExporterOptions;

  constructor(options: ExporterOptions) {
    this.#options = options;
  }

  /**
   * Resolves when the first bytes are there, and it is on the record that they are given.
   * @throws HeadgateError FORBIDDEN, PURPOSE_REQUIRED or UNAUTHENTICATED (recorded before it is told), BAD_USER_INPUT,
   *   TIMEOUT; RATE_LIMITED with `retryAfter` (seconds) when the principal has too many under way; UNAVAILABLE, with `retryAfter` too, when too many exports run.
   */
  async start(request: ExportRequest): Promise<ExportFile> {
    const leave = this.#options.admission?.enter(request.principal, request.address) ?? (() => undefined);
    try {
      const file = await this.#start(request);
      file.body.once('close', leave);
      return file;
    } catch (error) {
      leave();
      throw error;
    }
  }

  async #start(request: ExportRequest): Promise<ExportFile> {
    const { cipher, audit, timeoutMs, stallMs = STALL_MS } = this.#options;
    const { principal, format, values, patterns, signal } = request;
    const record = new ExportRecord({ audit, principal, format, operationHash: request.operationHash });
    const plan = await govern(request, record);
    const { shape, contentType } = EXPORT_FORMATS[format];
    const bound = await bindExport(compileExport(plan, request.authorizer.maskKeys, shape), values, principal, patterns, cipher);
    const session = await this.#open(principal, plan, bound);
    const run = new ExportRun({ session, plan, bound, record, timeoutMs, stallMs, signal });
    try {
      const rows = await run.start();
      const body = Readable.from(bodyOf(run, rows, plan, format), { objectMode: false, highWaterMark: AHEAD });
      return { body, contentType, fileName: `${plan.dataset.name}.${format}`, masked: maskedIn(plan), rowCount: () => run.rowCount };
    } catch (error) {
      throw await run.fail(error);
    }
  }

  async #open(principal: Principal, { dataset }: GovernedExport, bound: BoundExport): Promise<ExportSession> {
    try {
      return await this.#options.sessionsOf(dataset).open();
    } catch (error) {
      const told = bound.errorOf(error);
      // Who was turned away since too many run is on the record as for any other limit.
      if (isHeadgateError(told) && told.code === 'UNAVAILABLE')
        this.#options.admission?.refused(principal, new HeadgateError(told.code, told.message, { ...told.details, reason: 'exports' }));
      throw told;
    }
  }
}

async function govern({ selection, authorizer, principal }: ExportRequest, record: ExportRecord): Promise<GovernedExport> {
  try {
    return governExport(selection, (dataset) => authorizer.decide(principal, dataset, 'export'));
  } catch (error) {
    if (isHeadgateError(error)) await record.refused(error, selection.dataset, authorizer.policy.catalog.datasets);
    throw error;
  }
}

async function* bodyOf(run: ExportRun, rows: AsyncIterable<Buffer>, { fields }: GovernedExport, format: ExportFormat): AsyncGenerator<Buffer> {
  const { write } = EXPORT_FORMATS[format];
  run.taken();
  try {
    for await (const chunk of write ? write(rows, fields) : rows) {
      run.given(chunk.length);
      yield chunk;
      run.taken();
    }
    // The file does not end before its end is on the record.
    await run.finish();
  } catch (error) {
    throw await run.fail(error);
  } finally {
    if (!run.isOver) await run.fail(new Left());
  }
}

function maskedIn({ dataset, fields, reads }: GovernedExport): readonly string[] {
  const masked = reads.get(dataset.name)?.maskedInAnswer;
  return fields
    .filter(({ name }) => masked?.has(name))
    .map(({ graphqlName }) => `${dataset.name}.${graphqlName}`)
    .toSorted();
}
