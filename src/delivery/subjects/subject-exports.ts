import type { Readable } from 'node:stream';
import { countExport, type Admission } from '../../access/index.js';
import type { AuditFact } from '../../audit/index.js';
import type { Authorizer } from '../../governance/index.js';
import { isSameOne, type Principal } from '../../identity/index.js';
import { HeadgateError, isHeadgateError, isUuid, newId, sha256 } from '../../kernel/index.js';
import type { Database, KeyRing, Transaction } from '../../store/index.js';
import { secretsIn, subjectReference, type FieldCipher } from '../../vault/index.js';
import { Left } from '../export-run.js';
import type { Exporter } from '../exporter.js';
import { exportScope, type ExportedDataset, type ExportScope } from './export-scope.js';
import { countQuarantine, quarantinePart, type OpenRefused } from './quarantine-part.js';
import { checkSubject } from './subject.js';
import { subjectZip, type ZipEntry, type ZipPart } from './subject-zip.js';

export interface SubjectExportsOptions {
  readonly database: Pick<Database, 'query' | 'reader'>;
  readonly keyRing: KeyRing;
  readonly audit: { record(fact: AuditFact): Promise<void> };
  /** Without an admission of its own: an archive is one export, of many files. */
  readonly exporter: Pick<Exporter, 'start'>;
  readonly openRefused: OpenRefused;
  /** Of encrypted fields. */
  readonly cipher: FieldCipher;
  /** What is kept that may be about a person and is on its way into a dataset, by name. */
  readonly waits: (subject: string, dataset: string) => Promise<readonly string[]>;
}

/** An export that was asked for and can be fetched. Nothing of the person is kept for it: the archive is made while it is fetched. */
export interface SubjectExport extends Omit<ExportScope, 'datasets'> {
  readonly id: string;
  readonly url: string;
  readonly expiresAt: Date;
  /** Rows as they were when it was asked for. */
  readonly datasets: readonly { readonly dataset: string; readonly rows: number; readonly quarantined: number | null }[];
  /** What may be about the person and is in no dataset yet, of those whose refused rows are in the archive: `events/dataset`, `dead-letters/dataset`. */
  readonly waiting: readonly string[];
  /** Nothing was withheld, masked, elsewhere or waiting, of what the principal may know of. */
  readonly complete: boolean;
}

export interface SubjectExportRequest {
  readonly principal: Principal;
  readonly authorizer: Authorizer;
}

export interface SubjectDownload extends SubjectExportRequest {
  readonly id: string;
  readonly address?: string | undefined;
  readonly signal: AbortSignal;
}

const HOURS = 24;
/** What the sealing of subjects is for. */
const LABEL = 'subject-export';

/** The persons whose exports wait to be fetched. */
export const SUBJECT_EXPORTS = secretsIn({ table: 'headgate.subject_export', column: 'id', wrapped: 'subject', label: LABEL }, 'exports of subjects');

/** All that is known of a person, as an archive: governed by the grants of whoever asks, when it is asked for and again when it is fetched. */
export class SubjectExports {
  readonly #options: SubjectExportsOptions;

  constructor(options: SubjectExportsOptions) {
    this.#options = options;
  }

  /** Looks how much there is, and keeps the request. @throws HeadgateError BAD_USER_INPUT, TIMEOUT, UNAVAILABLE */
  async request(subjectText: string, { principal, authorizer }: SubjectExportRequest): Promise<SubjectExport> {
    const { database, keyRing, audit } = this.#options;
    const subject = checkSubject(subjectText);
    const scope = exportScope(authorizer, principal, subject);
    const waiting = await this.#waiting(scope, subject);
    const id = newId();
    const reference = subjectReference(keyRing, subject);
    // Before anything is told: also how many rows there are is told.
    await audit.record({
      actor: principal,
      action: 'subject.export',
      decision: 'ALLOWED',
      details: {
        export: id,
        subject: reference,
        state: 'requested',
        datasets: scope.datasets.map(({ target }) => target.dataset.name),
        withheld: scope.withheld.length,
        complete: isComplete(scope, waiting),
      },
    });
    const datasets = [];
    for (const exported of scope.datasets) datasets.push(await this.#count(exported, subject, { principal, authorizer, id }));
    const [row] = await database.query<{ expiresAt: Date }>(
      `WITH gone AS (DELETE FROM headgate.subject_export WHERE expires_at <= now())
       INSERT INTO headgate.subject_export (id, subject, requested_by, requested_with, expires_at)
       VALUES ($1, $2, $3, $4, now() + make_interval(hours => $5)) RETURNING expires_at AS "expiresAt"`,
      [id, keyRing.wrap(LABEL, id, Buffer.from(subject)), principal.subject, principal.credential ?? null, HOURS],
    );
    const { withheld, masked, elsewhere } = scope;
    return {
      id,
      url: `/subjects/exports/${id}`,
      expiresAt: row?.expiresAt ?? new Date(),
      datasets,
      withheld,
      masked,
      elsewhere,
      waiting,
      complete: isComplete(scope, waiting),
    };
  }

  /**
   * The archive of an export that was asked for: by the same principal, until it expires.
   * @param admission how many a principal may have under way; any number when absent
   * @throws HeadgateError NOT_FOUND for any other; RATE_LIMITED; as Exporter.start
   */
  async open(download: SubjectDownload, admission?: Pick<Admission, 'enter'>): Promise<Readable> {
    const { principal, address, id } = download;
    const subject = await this.#subjectOf(id, principal);
    if (subject === undefined) {
      await this.#record(principal, 'DENIED', { code: 'NOT_FOUND' });
      throw new HeadgateError(
        'NOT_FOUND',
        `There is no export of a subject "${id.slice(0, 64)}" for you. One is for who asked for it, for ${HOURS} hours: ask again with exportSubject.`,
      );
    }
    const leave = admission?.enter(principal, address) ?? (() => undefined);
    try {
      const body = await this.#archive(download, subject);
      return body.once('close', leave);
    } catch (error) {
      leave();
      throw error;
    }
  }

  /** Takes away what was asked for about a person, and what has expired. Returns how many of the person's there were. */
  async forget(tx: Pick<Transaction, 'query'>, subject: string): Promise<number> {
    await tx.query('DELETE FROM headgate.subject_export WHERE expires_at <= now()');
    const rows = await tx.query<{ id: string; subject: Buffer }>('SELECT id::text AS id, subject FROM headgate.subject_export');
    const theirs = rows.filter((row) => this.#options.keyRing.unwrap(LABEL, row.id, row.subject)?.toString() === subject).map(({ id }) => id);
    await tx.query('DELETE FROM headgate.subject_export WHERE id = ANY ($1::uuid[])', [theirs]);
    return theirs.length;
  }

  async #count(
    { target, plan, selection, withQuarantine }: ExportedDataset,
    subject: string,
    { principal, authorizer, id }: { readonly principal: Principal; readonly authorizer: Authorizer; readonly id: string },
  ) {
    const { database, audit, cipher } = this.#options;
    const { query, errorOf } = await countExport(plan, { maskKeys: authorizer.maskKeys, values: [subject], principal, cipher });
    const counted = selection && (await database.reader.query(query).catch((error: unknown) => Promise.reject(errorOf(error) as Error)));
    const rows = Number(counted?.[0]?.[0] ?? 0);
    const quarantined = withQuarantine ? await countQuarantine(database, target, subject) : null;
    const dataset = target.dataset.name;
    await audit.record({
      actor: principal,
      action: 'subject.export',
      dataset,
      fields: [target.field.name],
      decision: 'ALLOWED',
      rowCount: rows,
      details: { export: id, state: 'counted' },
    });
    return { dataset, rows, quarantined };
  }

  /** Whether there is something is told of datasets of which the principal may export whatever was refused: the same might become of this. */
  async #waiting({ datasets }: ExportScope, subject: string): Promise<readonly string[]> {
    const waiting: string[] = [];
    for (const { target, withQuarantine } of datasets) {
      if (!withQuarantine) continue;
      const { name } = target.dataset;
      for (const what of await this.#options.waits(subject, name)) waiting.push(`${what}/${name}`);
    }
    return waiting;
  }

  async #subjectOf(id: string, principal: Principal): Promise<string | undefined> {
    const { database, keyRing } = this.#options;
    if (!isUuid(id)) return undefined;
    const [row] = await database.query<{ subject: Buffer; by: string; with: string | null }>(
      'SELECT subject, requested_by AS by, requested_with AS "with" FROM headgate.subject_export WHERE id = $1 AND expires_at > now()',
      [id],
    );
    if (!row || !isSameOne(principal, { subject: row.by, credential: row.with })) return undefined;
    return keyRing.unwrap(LABEL, id.toLowerCase(), row.subject)?.toString();
  }

  async #archive({ id, principal, authorizer, signal }: SubjectDownload, subject: string): Promise<Readable> {
    const { keyRing } = this.#options;
    const scope = exportScope(authorizer, principal, subject);
    const waiting = await this.#waiting(scope, subject);
    const reference = subjectReference(keyRing, subject);
    const began = performance.now();
    await this.#record(principal, 'ALLOWED', {
      export: id,
      subject: reference,
      state: 'started',
      datasets: scope.datasets.map(({ target }) => target.dataset.name),
      complete: isComplete(scope, waiting),
    });
    return subjectZip({
      parts: scope.datasets.flatMap((exported) => this.#partsOf(exported, subject, { id, principal, authorizer, signal })),
      manifest: (entries) => ({
        export: id,
        subject: reference,
        at: new Date().toISOString(),
        by: principal.subject,
        ...(principal.purpose !== undefined && { purpose: principal.purpose }),
        datasets: scope.datasets.map(({ target }) => target.dataset.name),
        files: entries,
        withheld: scope.withheld,
        masked: scope.masked,
        elsewhere: scope.elsewhere,
        waiting,
        complete: isComplete(scope, waiting),
      }),
      onDone: (entries) => {
        const files = entries.map(({ file, rows }) => ({ file, rows }));
        return this.#record(
          principal,
          'ALLOWED',
          { export: id, subject: reference, state: 'finished', files, bytes: bytesOf(entries) },
          { rowCount: rowsOf(entries), durationMs: performance.now() - began },
        );
      },
      onFailed: (error) => {
        const state = error instanceof Left || signal.aborted ? 'aborted' : 'failed';
        const code = isHeadgateError(error) ? error.code : 'INTERNAL_SERVER_ERROR';
        return this.#record(principal, 'FAILED', { export: id, subject: reference, state, code }, { durationMs: performance.now() - began });
      },
    });
  }

  #partsOf(
    { target, selection, withQuarantine }: ExportedDataset,
    subject: string,
    { id, principal, authorizer, signal }: Omit<SubjectDownload, 'address'>,
  ): ZipPart[] {
    const { database, exporter, openRefused } = this.#options;
    const { dataset } = target;
    const operationHash = sha256(`subject-export/${id}`);
    const files = selection
      ? (['json', 'csv'] as const).map((format): ZipPart => ({
          name: `${dataset.name}.${format}`,
          open: () => exporter.start({ principal, authorizer, selection, values: [subject], patterns: [], format, operationHash, signal }),
        }))
      : [];
    const quarantine: ZipPart = {
      name: `quarantine/${dataset.name}.json`,
      open: async () => {
        await this.#record(
          principal,
          'ALLOWED',
          { export: id, state: 'quarantine' },
          { dataset: dataset.name, fields: dataset.fields.map(({ name }) => name), rowCount: await countQuarantine(database, target, subject) },
        );
        return quarantinePart(database, target, subject, openRefused);
      },
    };
    return withQuarantine ? [...files, quarantine] : files;
  }

  async #record(actor: Principal, decision: AuditFact['decision'], details: Readonly<Record<string, unknown>>, more: Partial<AuditFact> = {}): Promise<void> {
    await this.#options.audit.record({ actor, action: 'subject.export', decision, details, ...more });
  }
}

function isComplete({ withheld, masked, elsewhere }: Omit<ExportScope, 'datasets'>, waiting: readonly string[]): boolean {
  return withheld.length + masked.length + elsewhere.length + waiting.length === 0;
}

/** Of the lists of rows; the same rows are in the tables too. */
function rowsOf(entries: readonly ZipEntry[]): number {
  return entries.reduce((sum, { file, rows }) => (file.endsWith('.json') ? sum + rows : sum), 0);
}

function bytesOf(entries: readonly ZipEntry[]): number {
  return entries.reduce((sum, { bytes }) => sum + bytes, 0);
}
