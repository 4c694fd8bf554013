import type { Dataset } from '../catalog/index.js';
import { audiencesOf, audienceText, memberOf } from './audience.js';
import { decide } from './decide.js';
import type { Knows } from './cell-text.js';
import type { Policy } from './policy.js';

/** One processing activity: what is done with whose data for one purpose (Article 30 of the GDPR). */
export interface ProcessingActivity {
  /** Undefined: reads that declare no purpose, by grants that ask for none. */
  readonly purpose: string | undefined;
  readonly description: string | undefined;
  readonly lawfulBasis: string | undefined;
  readonly contact: string | undefined;
  readonly datasets: readonly ActivityDataset[];
  /** As the purpose declares them. */
  readonly categoriesOfSubjects: readonly string[];
  /** The tags of all fields that are read for it. */
  readonly categoriesOfData: readonly string[];
  /** Who reads by it here, and to whom the purpose says it is disclosed. */
  readonly recipients: readonly string[];
  readonly transfers: string | undefined;
  readonly retention: string | undefined;
  /** What the record lacks, in sentences. */
  readonly gaps: readonly string[];
}

export interface ActivityDataset {
  readonly dataset: string;
  /** The field that says which person a row is about; undefined for data about nobody in particular. */
  readonly subject: string | undefined;
  readonly plain: readonly string[];
  readonly masked: readonly string[];
  /** Another system where its rows stay. */
  readonly source: string | undefined;
  readonly grants: readonly string[];
}

/**
 * The record of processing activities, from the catalog and the grants in force: one activity a purpose, and one for what can be
 * read without any. What the law asks for and the catalog does not say is told as a gap.
 * @param knows what the one who asks may know of; the rest is left out
 */
export function processingActivities(whole: Policy, knows: Knows = () => true): readonly ProcessingActivity[] {
  const policy = knownPart(whole, knows);
  const { catalog } = policy;
  const activities = [...catalog.purposes.values()].map((purpose): ProcessingActivity => {
    const { datasets, categoriesOfData, readers } = readsFor(policy, purpose.name);
    const activity = {
      purpose: purpose.name,
      description: purpose.description,
      lawfulBasis: purpose.lawfulBasis,
      contact: purpose.contact,
      datasets,
      categoriesOfSubjects: purpose.subjects ?? [],
      categoriesOfData,
      recipients: [...readers, ...(purpose.recipients ?? [])],
      transfers: purpose.transfers,
      retention: purpose.retention,
    };
    return { ...activity, gaps: gapsOf(activity) };
  });
  const { datasets, categoriesOfData, readers: recipients } = readsFor(policy, undefined);
  if (datasets.length === 0) return activities;
  const none = { purpose: undefined, description: undefined, lawfulBasis: undefined, contact: undefined, transfers: undefined, retention: undefined };
  const activity = { ...none, datasets, categoriesOfSubjects: [], categoriesOfData, recipients };
  return [...activities, { ...activity, gaps: gapsOf(activity) }];
}

function knownPart(policy: Policy, knows: Knows): Policy {
  const datasets = [...policy.catalog.datasets.values()].filter(({ name }) => knows(name));
  const known = datasets.map(({ subject, ...dataset }): [string, Dataset] => [
    dataset.name,
    {
      ...dataset,
      fields: dataset.fields.filter(({ name }) => knows(dataset.name, name)),
      ...(subject !== undefined && knows(dataset.name, subject) && { subject }),
    },
  ]);
  return { ...policy, catalog: { ...policy.catalog, datasets: new Map(known) } };
}

interface Reads {
  readonly datasets: readonly ActivityDataset[];
  readonly categoriesOfData: readonly string[];
  readonly readers: readonly string[];
}

/** What grants open for the purpose and would not open without it; for no purpose, what they open to everybody. */
function readsFor(policy: Policy, purpose: string | undefined): Reads {
  const readers = new Set<string>();
  const tags = new Set<string>();
  const datasets = [...policy.catalog.datasets.values()].flatMap((dataset): ActivityDataset[] => {
    const grants = (policy.grantsOn.get(dataset.name) ?? []).filter(
      // Where some purposes need consent, nothing is open without one, and a grant for any purpose is for each.
      ({ shows, spec }) =>
        (shows || spec.aggregateOnly) &&
        (purpose === undefined ? !dataset.consent && !spec.purposes : (spec.purposes?.includes(purpose) ?? dataset.consent !== undefined)),
    );
    if (grants.length === 0) return [];
    const narrowed: Policy = { ...policy, grantsOn: new Map([[dataset.name, grants]]) };
    const seen = seenOf(narrowed, dataset, purpose, readers);
    for (const field of dataset.fields) if (seen.has(field.name)) for (const tag of field.tags) tags.add(tag);
    const names = (plain: boolean) => [...seen].flatMap(([name, isPlain]) => (isPlain === plain ? [name] : []));
    return [
      {
        dataset: dataset.name,
        subject: dataset.subject,
        plain: names(true),
        masked: names(false),
        source: dataset.source?.source,
        grants: grants.map(({ name }) => name),
      },
    ];
  });
  return { datasets, categoriesOfData: [...tags].toSorted(), readers: [...readers].toSorted() };
}

/** By field: whether somebody sees it as it is, or all see it masked. */
function seenOf(policy: Policy, dataset: Dataset, purpose: string | undefined, readers: Set<string>): ReadonlyMap<string, boolean> {
  const seen = new Map<string, boolean>();
  for (const audience of audiencesOf(policy)) {
    const decision = decide(policy, memberOf(audience, purpose), dataset);
    // Of numbers over many rows nobody is seen as they are.
    for (const name of [...(decision.aggregate?.dimensions ?? []), ...(decision.aggregate?.measures ?? [])]) {
      readers.add(audienceText(audience));
      seen.set(name, seen.get(name) ?? false);
    }
    for (const [name, field] of decision.fields) {
      if (field.access === 'forbidden') continue;
      readers.add(audienceText(audience));
      const plain = field.access === 'plain' || field.cases.some(({ effect }) => effect.kind === 'allow');
      seen.set(name, (seen.get(name) ?? false) || plain);
    }
  }
  return seen;
}

function gapsOf(activity: Omit<ProcessingActivity, 'gaps'>): readonly string[] {
  const { purpose, datasets, lawfulBasis, categoriesOfSubjects, retention, contact } = activity;
  const personal = datasets.filter(({ subject }) => subject !== undefined).map(({ dataset }) => dataset);
  if (personal.length === 0) return [];
  if (purpose === undefined) return [`${personal.join(', ')}: data about people can be read without a purpose. Give these grants purposes.`];
  return [
    ...(lawfulBasis === undefined ? ['It has no lawful basis: lawfulBasis.'] : []),
    ...(categoriesOfSubjects.length === 0 ? ['It does not say whom the data are about: subjects.'] : []),
    ...(retention === undefined ? ['It does not say how long the data are kept: retention.'] : []),
    ...(contact === undefined ? ['It does not say who answers for it: contact.'] : []),
  ];
}
