import type { Dataset, Field } from '../catalog/index.js';
import type { Principal } from '../identity/index.js';
import { fingerprint } from '../kernel/index.js';
import { raw, type Expression } from '../sql/index.js';
import { decideAggregate } from './aggregate-only.js';
import type { AggregateDecision, CellCase, ConsentCondition, DatasetDecision, FieldDecision, RefusalCode } from './decision.js';
import { asDetokenizing } from './detokenizing.js';
import { closedness } from './effects.js';
import type { Effect, Right } from './grant.js';
import type { DatasetGrant, Policy } from './policy.js';

/**
 * The one place that decides. For a principal with its purpose: which rows of the dataset, and in them each field how.
 * What no grant mentions is not granted.
 */
export function decide(policy: Policy, principal: Principal, dataset: Dataset, right: Right = 'read'): DatasetDecision {
  const grants = grantsInForce(policy, principal, dataset, right);
  const consent = right === 'ingest' ? undefined : consentFor(dataset, principal.purpose);
  const showing = grants.filter((grant) => grant.shows);
  const aggregate = right === 'read' ? numbersFor(policy, principal, dataset, principal.purpose) : undefined;
  const other = lazy(() => openedByOtherPurposes(policy, principal, dataset, right, aggregate !== undefined));
  const fields = new Map(
    dataset.fields.map((field): [string, FieldDecision] => [
      field.name,
      decideField(field, grants, showing, () => refusalCode(principal, other().has(field.name))),
    ]),
  );
  const refusal = refusalCode(principal, other().size > 0);
  const codes = [refusal, ...[...fields.values()].map((field) => (field.access === 'forbidden' ? field.code : ''))];
  return {
    dataset,
    rows: showing.length === 0 ? 'none' : !hasAllRows(showing) ? filtersOf(showing) : consent ? [EVERY_ROW] : 'all',
    ...(consent && { consent }),
    fields,
    ...(aggregate && { aggregate }),
    refusal,
    claims: [...new Set(grants.flatMap((grant) => grant.rows?.claims ?? []))],
    usesTime: consent !== undefined || grants.some((grant) => grant.rows?.usesTime),
    fingerprint: fingerprint(
      JSON.stringify([
        dataset.name,
        dataset.contractVersion,
        grants.map((grant) => grant.fingerprint),
        codes,
        ...(consent ? [consent] : []),
        // Grants of other rights can close it, and the subject decides which cells are kept.
        ...(aggregate ? [dataset.subject, aggregate.dimensions, aggregate.measures] : []),
      ]),
    ),
  };
}

/** By grants of any right, since a row that is seen by one of them is known. */
function numbersFor(policy: Policy, principal: Principal, dataset: Dataset, purpose: string | undefined): AggregateDecision | undefined {
  if (!isPurposeGiven(policy, dataset, purpose)) return undefined;
  return decideAggregate(grantsFor(policy, principal, dataset).filter((grant) => isForPurpose(grant, purpose)));
}

/** Grants that name this principal, whatever their purposes. */
export function grantsFor(policy: Policy, principal: Principal, dataset: Dataset, right?: Right): readonly DatasetGrant[] {
  const grants = (policy.grantsOn.get(dataset.name) ?? []).filter((grant) => names(grant, principal));
  if (right === 'detokenize') return grants.map(asDetokenizing).filter((grant) => grant !== undefined);
  return right === undefined ? grants : grants.filter((grant) => grant.rights.has(right));
}

function names({ spec: { to } }: DatasetGrant, principal: Principal): boolean {
  if (principal.anonymous) return to.anonymous === true;
  return (to.roles ?? []).some((role) => role === '*' || principal.roles.includes(role)) || (to.subjects ?? []).includes(principal.subject);
}

/** Those of them that open something now, for the declared purpose or another one. */
export function grantsInForce(
  policy: Policy,
  principal: Principal,
  dataset: Dataset,
  right: Right,
  purpose: string | undefined = principal.purpose,
): readonly DatasetGrant[] {
  // To load rows is to read none.
  return right === 'ingest' || isPurposeGiven(policy, dataset, purpose)
    ? grantsFor(policy, principal, dataset, right).filter((grant) => isForPurpose(grant, purpose))
    : [];
}

/**
 * Where some purposes need consent, each read has one, and one that stands in the catalog: else to say none, or to make one
 * up, would be the way round.
 */
function isPurposeGiven(policy: Policy, { consent }: Dataset, purpose: string | undefined): boolean {
  return consent === undefined || (purpose !== undefined && policy.catalog.purposes.has(purpose));
}

/** All rows that grants show, where consents say which of them: for whoever asks whether a decision shows 'all', it does not. */
export const EVERY_ROW: Expression = {
  columns: [],
  claims: [],
  usesTime: false,
  isTotal: true,
  narrowing: { tests: [], isWhole: true },
  toSql: () => raw('TRUE'),
};

function consentFor({ consent, subject }: Dataset, purpose: string | undefined): ConsentCondition | undefined {
  if (consent === undefined || purpose === undefined || !consent.purposes.includes(purpose)) return undefined;
  return { purpose, subject };
}

export function isForPurpose({ spec }: DatasetGrant, purpose: string | undefined): boolean {
  return spec.purposes === undefined || (purpose !== undefined && spec.purposes.includes(purpose));
}

/**
 * Combines the grants cell by cell: in the rows of a denial nothing is seen; elsewhere the most open effect of the
 * grants whose rows include this one; null where a visible row is covered by none.
 */
function decideField(field: Field, grants: readonly DatasetGrant[], showing: readonly DatasetGrant[], refusal: () => RefusalCode): FieldDecision {
  const speaking = grants.filter((grant) => grant.effects.has(field.name));
  const effectIn = (grant: DatasetGrant): Effect => grant.effects.get(field.name) ?? { kind: 'deny' };
  const denying = speaking.filter((grant) => effectIn(grant).kind === 'deny');
  const opening = speaking.filter((grant) => effectIn(grant).kind !== 'deny').toSorted((a, b) => closedness(effectIn(a)) - closedness(effectIn(b)));
  const grantNames = speaking.map((grant) => grant.name);
  if (opening.length === 0 || hasAllRows(denying)) return { access: 'forbidden', code: refusal(), grants: grantNames };

  const cases: CellCase[] = [];
  if (denying.length > 0) cases.push({ when: filtersOf(denying), effect: { kind: 'deny' } });
  const covered = new Set<DatasetGrant>();
  for (const group of groupByEffect(opening, effectIn)) {
    group.forEach((grant) => covered.add(grant));
    // Once the grants seen so far make up all visible rows, what is left over needs no condition.
    const isLast = hasAllRows(group) || showing.every((grant) => covered.has(grant));
    cases.push({ when: isLast ? 'always' : filtersOf(group), effect: group[0] ? effectIn(group[0]) : { kind: 'deny' } });
    if (isLast) break;
  }
  const [first] = cases;
  if (first?.when === 'always' && first.effect.kind === 'allow') return { access: 'plain', grants: grantNames };
  return { access: 'masked', cases, grants: grantNames };
}

/** Runs of grants with one effect, in the order given. */
function groupByEffect(grants: readonly DatasetGrant[], effectIn: (grant: DatasetGrant) => Effect): DatasetGrant[][] {
  const groups = Map.groupBy(grants, (grant) => JSON.stringify(effectIn(grant)));
  return [...groups.values()];
}

function hasAllRows(grants: readonly DatasetGrant[]): boolean {
  return grants.some((grant) => grant.rows === undefined);
}

/** The grants' row filters, each text once. */
function filtersOf(grants: readonly DatasetGrant[]): readonly Expression[] {
  return [...new Map(grants.flatMap(({ rows, spec }) => (rows ? [[spec.rows, rows] as const] : []))).values()];
}

function refusalCode(principal: Principal, otherPurposeOpens: boolean): RefusalCode {
  if (principal.anonymous) return 'UNAUTHENTICATED';
  return otherPurposeOpens ? 'PURPOSE_REQUIRED' : 'FORBIDDEN';
}

/**
 * Fields of which something could be read if the principal declared another of the purposes that its token holds: some cell,
 * or, unless it reads numbers now, numbers.
 */
function openedByOtherPurposes(policy: Policy, principal: Principal, dataset: Dataset, right: Right, aggregates: boolean): ReadonlySet<string> {
  const opened = new Set<string>();
  for (const purpose of principal.purposes) {
    if (purpose === principal.purpose) continue;
    const grants = grantsInForce(policy, principal, dataset, right, purpose);
    const showing = grants.filter((grant) => grant.shows);
    const numbers = right === 'read' && !aggregates ? numbersFor(policy, principal, dataset, purpose) : undefined;
    for (const field of [...(numbers?.dimensions ?? []), ...(numbers?.measures ?? [])]) opened.add(field);
    for (const field of dataset.fields) {
      if (decideField(field, grants, showing, () => 'FORBIDDEN').access !== 'forbidden') opened.add(field.name);
    }
  }
  return opened;
}

function lazy<T>(make: () => T): () => T {
  let made: { readonly value: T } | undefined;
  return () => (made ??= { value: make() }).value;
}
