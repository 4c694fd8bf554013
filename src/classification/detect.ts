import { setImmediate } from 'node:timers/promises';
import { tagMatches } from '../governance/index.js';
import { THRESHOLD, type ColumnSample, type Detector, type Finding } from './column-sample.js';
import { email, ip, phone } from './detectors/contact.js';
import { card, iban } from './detectors/financial.js';
import { nationalIds } from './detectors/national-ids.js';
import { address, birthDate, birthYear, isAboutPeople, passport, personName, whereabouts } from './detectors/person.js';

/** By themselves, in the order in which they win when two are as sure. */
const DETECTORS: readonly Detector[] = [email, iban, card, ...ip, ...nationalIds, birthDate, birthYear, passport, phone, personName, address];

/** Tags that say of a dataset that it is about people. */
const OF_PEOPLE = ['pii.email', 'pii.phone', 'pii.name', 'pii.birthdate', 'pii.national_id', 'pii.passport', 'pii.address'];

/**
 * What the columns of a dataset are, each at most one thing: by their values, their names, and what stands beside them.
 * Other work goes on between two columns.
 * @param tags that the dataset's fields have: they say as well that it is about people
 */
export async function detect(columns: readonly ColumnSample[], tags: readonly string[] = []): Promise<ReadonlyMap<string, Finding>> {
  const found = new Map<string, Finding>();
  for (const column of columns) {
    keep(found, column, best(column, DETECTORS));
    await setImmediate();
  }
  const all = [...tags, ...[...found.values()].map(({ tag }) => tag)];
  const isOfPeople = (columns[0] && isAboutPeople(columns[0].dataset)) || all.some((tag) => OF_PEOPLE.some((name) => tagMatches(name, tag)));
  if (isOfPeople) for (const column of columns) if (!found.has(column.name)) keep(found, column, best(column, whereabouts));
  return found;
}

function best(column: ColumnSample, detectors: readonly Detector[]): Finding | undefined {
  const findings = detectors.filter(({ types }) => types.includes(column.type)).flatMap((detector) => detector.look(column) ?? []);
  return findings.reduce<Finding | undefined>((top, finding) => (top && top.score >= finding.score ? top : finding), undefined);
}

function keep(found: Map<string, Finding>, column: ColumnSample, finding: Finding | undefined): void {
  if (finding && finding.score >= THRESHOLD) found.set(column.name, finding);
}
