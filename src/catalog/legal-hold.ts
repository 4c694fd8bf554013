import { z } from 'zod';
import { HeadgateError } from '../kernel/index.js';
import { identifier, param, raw, render, sql } from '../sql/index.js';
import type { Transaction } from '../store/index.js';
import { Name, Text } from './field-spec.js';
import { toDataset } from './dataset-spec.js';
import { loadDatasets } from './load-catalog.js';
import type { ManifestKind } from './manifest-kind.js';
import { rawIsAbout } from './raw-subject.js';
import { didYouMean } from './suggest.js';

const LegalHoldSpec = z
  .strictObject({
    name: Name,
    reason: Text,
    /** Persons, as the subject fields of datasets have them: nothing about them is erased. */
    subjects: z
      .array(z.union([z.string().min(1).max(1_000), z.int()]).transform(String))
      .min(1)
      .max(10_000)
      .optional(),
    /** Datasets of which no row is erased, and which are neither deleted nor emptied nor replaced. */
    datasets: z.array(Name).min(1).max(1_000).optional(),
    /** It ends by itself when this moment has come. */
    until: z.iso
      .datetime({ offset: true, error: 'expected a moment such as 2027-01-31T00:00:00Z' })
      .transform((text) => new Date(text).toISOString())
      .optional(),
  })
  .refine(({ subjects, datasets }) => subjects ?? datasets, { error: 'a hold is on subjects, datasets or both' })
  .transform(({ subjects, datasets, ...rest }) => ({
    ...rest,
    ...(subjects && { subjects: [...new Set(subjects)].toSorted() }),
    ...(datasets && { datasets: [...new Set(datasets)].toSorted() }),
  }));

/** What must be kept although somebody may ask for its erasure: a dispute, an investigation, a duty to retain. */
export type LegalHold = z.output<typeof LegalHoldSpec>;

/** Legal holds as manifests. Who is named in one is personal data: neither the audit nor what an apply tells has it. */
export const legalHoldKind: ManifestKind<LegalHold> = {
  kind: 'LegalHold',
  schema: LegalHoldSpec,
  // A file that was left out must not open for erasure what a court wants kept.
  staysUnlessNamed: true,
  confidential: true,
  async load(tx) {
    return new Map((await loadHolds(tx)).map((hold) => [hold.name, hold]));
  },
  async save(name, spec, _before, context, fail) {
    const { tx, appliedBy } = context;
    const { datasets } = await context.catalog();
    spec.datasets?.forEach((dataset, i) => {
      if (!datasets.has(dataset)) fail(['datasets', i], `there is no dataset "${dataset}".${didYouMean(dataset, datasets.keys())}`);
    });
    await tx.query(
      `INSERT INTO headgate.legal_hold (name, spec, updated_by) VALUES ($1, $2, $3)
       ON CONFLICT (name) DO UPDATE SET spec = excluded.spec, updated_by = excluded.updated_by, updated_at = now()`,
      [name, JSON.stringify(spec), appliedBy],
    );
  },
  async remove(name, { tx }) {
    await tx.query('DELETE FROM headgate.legal_hold WHERE name = $1', [name]);
  },
  record: ({ reason, subjects = [], datasets = [], until }) => ({ reason, subjects: subjects.length, datasets, ...(until !== undefined && { until }) }),
  describe: (before, { subjects = [], datasets = [], until }) => [
    `holds ${subjects.length} subjects and ${datasets.length} datasets${until === undefined ? '' : ` until ${until}`}${before ? ' now' : ''}`,
  ],
};

export async function loadHolds(tx: Pick<Transaction, 'query'>): Promise<LegalHold[]> {
  const rows = await tx.query<{ spec: LegalHold }>('SELECT spec FROM headgate.legal_hold ORDER BY name');
  return rows.map(({ spec }) => spec);
}

export function isHeld({ until }: LegalHold, now: number = Date.now()): boolean {
  return until === undefined || Date.parse(until) > now;
}

/** The holds in force on the dataset itself. */
export async function holdsOn(tx: Pick<Transaction, 'query'>, dataset: string): Promise<LegalHold[]> {
  return (await loadHolds(tx)).filter((hold) => isHeld(hold) && hold.datasets?.includes(dataset));
}

/**
 * For whatever takes rows away as a whole. With `subjects`, a hold on a person of whom the dataset has rows, or refused rows, counts too.
 * @throws HeadgateError CONFLICT that names the hold
 */
export async function refuseHeld(tx: Transaction, dataset: string, what: string, { subjects = false } = {}): Promise<void> {
  const [hold] = await holdsOn(tx, dataset);
  const held = hold ?? (subjects ? await holdOnSubjectOf(tx, dataset) : undefined);
  if (!held) return;
  throw new HeadgateError('CONFLICT', `${dataset} can't be ${what}: the legal hold "${held.name}" is on it, or on a person in it. A steward can lift it.`, {
    dataset,
    hold: held.name,
  });
}

async function holdOnSubjectOf(tx: Transaction, name: string): Promise<LegalHold | undefined> {
  const [stored] = await loadDatasets(tx, name);
  const { subject, source } = stored?.spec ?? {};
  if (!stored || subject === undefined || source !== undefined) return undefined;
  const { id, fields } = toDataset(stored.spec, stored);
  const field = fields.find((one) => one.name === subject);
  if (!field) return undefined;
  for (const hold of await loadHolds(tx)) {
    if (!isHeld(hold) || !hold.subjects) continue;
    const held = param(hold.subjects, 'text[]');
    const { text, values } = render(
      sql`SELECT 1 WHERE EXISTS (SELECT FROM ${identifier('data', name)} WHERE ${identifier(subject)}::text = ANY (${held}))
        OR EXISTS (SELECT FROM headgate.quarantined_row q WHERE q.dataset_id = ${param(id, 'uuid')} AND ${rawIsAbout(field, raw('q.raw'), (form) => sql`${form} = ANY (${held})`)})`,
    );
    if ((await tx.query(text, values)).length > 0) return hold;
  }
  return undefined;
}

/**
 * Takes persons out of holds that are over; one that is left with nobody and no dataset goes.
 * @returns how many holds had one
 */
export async function forgetEndedHolds(tx: Pick<Transaction, 'query'>, isIt: (subject: string) => boolean): Promise<number> {
  const theirs = (await loadHolds(tx)).filter((hold) => !isHeld(hold) && hold.subjects?.some(isIt));
  for (const { name, subjects = [], ...rest } of theirs) {
    const others = subjects.filter((subject) => !isIt(subject));
    if (others.length === 0 && !rest.datasets) await tx.query('DELETE FROM headgate.legal_hold WHERE name = $1', [name]);
    else
      await tx.query('UPDATE headgate.legal_hold SET spec = $2 WHERE name = $1', [
        name,
        JSON.stringify({ name, ...rest, ...(others.length > 0 && { subjects: others }) }),
      ]);
  }
  return theirs.length;
}
