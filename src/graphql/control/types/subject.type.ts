import { Field, ID, Int, ObjectType } from 'type-graphql';
import type { LegalHold as Hold } from '../../../catalog/index.js';
import type { ErasureReceipt as Receipt, SubjectExport as Export } from '../../../delivery/index.js';
import { DateTimeScalar } from '../../scalars.js';

@ObjectType()
export class SubjectExportDataset {
  @Field(() => String) dataset!: string;
  @Field(() => Int, { description: 'As it was when the export was asked for.' }) rows!: number;
  @Field(() => Int, { nullable: true, description: 'Rows that loads refused; null where you may not export every field plain, in every row.' })
  quarantined!: number | null;
}

@ObjectType({ description: 'All that you may export of a person, as a ZIP archive that is made while you fetch it.' })
export class SubjectExport {
  @Field(() => ID) id!: string;
  @Field(() => String, { description: 'The path to GET with the same credential, and X-Purpose where one is needed.' }) url!: string;
  @Field(() => DateTimeScalar) expiresAt!: Date;
  @Field(() => [SubjectExportDataset]) datasets!: readonly SubjectExportDataset[];
  @Field(() => [String], {
    description: 'What you may not export: a dataset (or some of its rows), dataset.field, quarantine/dataset. It does not say that there is something.',
  })
  withheld!: readonly string[];
  @Field(() => [String], { description: 'dataset.field of what is masked in the files.' }) masked!: readonly string[];
  @Field(() => [String], { description: 'Datasets that stay at a source: ask there.' }) elsewhere!: readonly string[];
  @Field(() => [String], {
    description:
      'What may be about the person, waits to be loaded and is not in the archive: events/dataset, dead-letters/dataset. Withheld with quarantine/dataset.',
  })
  waiting!: readonly string[];
  @Field(() => Boolean, { description: 'Nothing that you may know of is withheld, masked, elsewhere or waiting.' }) complete!: boolean;
}

@ObjectType()
export class ErasedDataset {
  @Field(() => String) dataset!: string;
  @Field(() => Int, { description: 'Rows that were deleted.' }) rows!: number;
  @Field(() => Int, { description: 'Rows that were kept, without what told of the person.' }) nullified!: number;
}

@ObjectType({ description: 'Something else that was kept of the person.' })
export class ErasedOther {
  @Field(() => String) name!: string;
  @Field(() => Int) count!: number;
}

@ObjectType({ description: 'Proof of an erasure: what was taken out, and the reference under which the audit has it. It does not name the person.' })
export class ErasureReceipt {
  @Field(() => ID, { description: 'details.erasure of its entries in the audit.' }) id!: string;
  @Field(() => String, { description: 'A keyed hash of the subject, the same in all entries about this person.' }) subjectReference!: string;
  @Field(() => DateTimeScalar) erasedAt!: Date;
  @Field(() => String) by!: string;
  @Field(() => String) reason!: string;
  @Field(() => [ErasedDataset], { description: 'Those that had something.' }) datasets!: readonly ErasedDataset[];
  @Field(() => Int, { description: 'Rows that loads had refused.' }) quarantined!: number;
  @Field(() => Int, { description: 'Rows that pipelines had computed and not published yet.' }) staged!: number;
  @Field(() => Int, { description: 'Keys of encrypted fields.' }) keysDestroyed!: number;
  @Field(() => [ErasedOther]) others!: readonly ErasedOther[];
  @Field(() => [String], { description: 'Datasets that stay at a source, where nothing was erased.' }) elsewhere!: readonly string[];
  @Field(() => [String], { description: 'Datasets made of erased rows in which nothing says whose a row is: run their pipelines again.' })
  recompute!: readonly string[];
  @Field(() => [ID], { description: 'Loads and pipelines that waited or ran: they fail if they bring the person back.' }) openRuns!: readonly string[];
}

@ObjectType({ description: 'What must be kept although somebody may ask for its erasure.' })
export class LegalHold {
  @Field(() => String) name!: string;
  @Field(() => String) reason!: string;
  @Field(() => [String]) subjects!: readonly string[];
  @Field(() => [String]) datasets!: readonly string[];
  @Field(() => DateTimeScalar, { nullable: true }) until!: Date | null;
}

export function toSubjectExport(given: Export): SubjectExport {
  return Object.assign(new SubjectExport(), given);
}

/** The name of the hook that destroys keys. */
const KEYS = 'keys';

/** @param isKnown the datasets that whoever reads it may know of: a secret one is not named, nor counted */
export function toErasureReceipt({ reference, at, others, openRuns, ...receipt }: Receipt, isKnown: (dataset: string) => boolean): ErasureReceipt {
  return Object.assign(new ErasureReceipt(), {
    ...receipt,
    subjectReference: reference,
    erasedAt: at,
    datasets: receipt.datasets.filter(({ dataset }) => isKnown(dataset)),
    keysDestroyed: others.find(({ name }) => name === KEYS)?.count ?? 0,
    others: others.filter(({ name }) => name !== KEYS),
    elsewhere: receipt.elsewhere.filter(isKnown),
    recompute: receipt.recompute.filter(isKnown),
    openRuns: openRuns.flatMap(({ id, dataset }) => (isKnown(dataset) ? [id] : [])),
  });
}

export function toLegalHold({ name, reason, subjects = [], datasets = [], until }: Hold): LegalHold {
  return Object.assign(new LegalHold(), { name, reason, subjects, datasets, until: until === undefined ? null : new Date(until) });
}
