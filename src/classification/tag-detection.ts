import type { Actor, AuditLog } from '../audit/index.js';
import type { Dataset, Field } from '../catalog/index.js';
import { tagMatches } from '../governance/index.js';
import { newId, type Log } from '../kernel/index.js';
import type { Transaction } from '../store/index.js';
import type { Finding } from './column-sample.js';
import { detect } from './detect.js';
import { isSampled, sampleColumns } from './sample.js';

/** Looked at again when the dataset has grown by so much, or after so long: many small loads cost no look each. */
const GROWTH = 0.1;
const AT_LEAST_EVERY = '1 hour';

/** What a load did, as far as it matters here. */
export interface LoadDone {
  readonly runId: string;
  readonly outcome: { readonly mode: string; readonly rowCount: number };
  readonly actor: Actor;
}

/** Looks at what was loaded, and proposes tags. It neither changes what anybody sees nor keeps a value that it saw. */
export class TagDetection {
  readonly #audit: Pick<AuditLog, 'recordIn'>;
  readonly #log: Log;

  constructor({ audit, log }: { readonly audit: Pick<AuditLog, 'recordIn'>; readonly log: Log }) {
    this.#audit = audit;
    this.#log = log;
  }

  /** After a load, within its transaction: proposals are committed with the rows that they speak of. A look that fails spoils no load. */
  async afterLoad(tx: Transaction, dataset: Dataset, load: LoadDone): Promise<void> {
    await tx.query('SAVEPOINT tag_detection');
    try {
      if (await isDue(tx, dataset, load)) await this.#look(tx, dataset, load);
      await tx.query('RELEASE SAVEPOINT tag_detection');
    } catch (error) {
      await tx.query('ROLLBACK TO SAVEPOINT tag_detection');
      // The code alone: the text of an error may quote what it was looking at.
      this.#log.warn({ dataset: dataset.name, code: (error as { code?: string }).code }, 'the values of a load could not be looked at for tags');
    }
  }

  async #look(tx: Transaction, dataset: Dataset, { runId, outcome, actor }: LoadDone): Promise<void> {
    const fields = dataset.fields.filter(isSampled);
    const samples = await sampleColumns(tx, dataset, fields, outcome.rowCount);
    const tags = dataset.fields.flatMap((field) => field.tags);
    const findings = [...(await detect(samples, tags))].filter(([name, { tag }]) => !fields.some((field) => field.name === name && isTagged(field, tag)));
    await closeMoot(tx, dataset);
    const proposed = await propose(tx, dataset, findings, runId);
    if (proposed.length === 0) return;
    const details = { run: runId, tags: Object.fromEntries(proposed.map(({ field, tag }) => [field, tag])) };
    await this.#audit.recordIn(tx, { actor, action: 'tag.propose', dataset: dataset.name, decision: 'ALLOWED', details });
  }
}

/** Notes the look as well, so that of two loads at once one looks. */
async function isDue(tx: Transaction, dataset: Dataset, { outcome }: LoadDone): Promise<boolean> {
  const due = await tx.query(
    `INSERT INTO headgate.tag_scan AS s (dataset_id, contract_version, row_count, scanned_at) VALUES ($1, $2, $3, now())
     ON CONFLICT (dataset_id) DO UPDATE SET contract_version = excluded.contract_version, row_count = excluded.row_count, scanned_at = excluded.scanned_at
     WHERE s.contract_version <> excluded.contract_version OR $4 OR abs(excluded.row_count - s.row_count) > s.row_count * ${GROWTH}
        OR s.scanned_at < now() - interval '${AT_LEAST_EVERY}'
     RETURNING 1`,
    [dataset.id, dataset.contractVersion, outcome.rowCount, outcome.mode === 'replace'],
  );
  return due.length > 0;
}

/** Whether the field has the tag, a coarser or a finer one already. */
export function isTagged({ tags }: Pick<Field, 'tags'>, tag: string): boolean {
  return tags.some((own) => tagMatches(own, tag) || tagMatches(tag, own));
}

/** Takes back what is no question any more: the field has the tag meanwhile, or is gone. */
async function closeMoot(tx: Transaction, dataset: Dataset): Promise<void> {
  const open = await tx.query<{ id: string; field: string; tag: string }>(
    "SELECT id, field, tag FROM headgate.tag_proposal WHERE dataset_id = $1 AND status = 'OPEN'",
    [dataset.id],
  );
  const moot = open.filter(({ field: name, tag }) => {
    const field = dataset.fields.find((candidate) => candidate.name === name);
    return !field || isTagged(field, tag);
  });
  if (moot.length > 0) await tx.query('DELETE FROM headgate.tag_proposal WHERE id = ANY ($1)', [moot.map(({ id }) => id)]);
}

/** The new ones. One that is open gets the newer figures; one that was decided stays as it is, so it is not asked again. */
async function propose(
  tx: Transaction,
  dataset: Dataset,
  findings: readonly (readonly [string, Finding])[],
  runId: string,
): Promise<{ readonly field: string; readonly tag: string }[]> {
  const proposed: { field: string; tag: string }[] = [];
  for (const [field, { tag, detector, score, sampled, matching, byName }] of findings) {
    const [row] = await tx.query<{ isNew: boolean }>(
      `INSERT INTO headgate.tag_proposal AS p (id, dataset_id, dataset, field, tag, detector, score, share, sampled, matching, by_name, run_id)
       VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
       ON CONFLICT (dataset_id, field, tag) DO UPDATE SET detector = excluded.detector, score = excluded.score, share = excluded.share,
         sampled = excluded.sampled, matching = excluded.matching, by_name = excluded.by_name, run_id = excluded.run_id
       WHERE p.status = 'OPEN' RETURNING p.id = $1 AS "isNew"`,
      [newId(), dataset.id, dataset.name, field, tag, detector, score, matching / sampled, sampled, matching, byName, runId],
    );
    if (row?.isNew) proposed.push({ field, tag });
  }
  return proposed;
}
