import type { Dataset } from '../../catalog/index.js';
import { mayIngest as mayIngestInto, RIGHTS, type ChangeRequestEntity, type Knows } from '../../governance/index.js';
import { hasRole, type ControlRole, type Principal } from '../../identity/index.js';
import { HeadgateError } from '../../kernel/index.js';
import type { RequestContext } from '../context.js';

/** Roles that may look at how things run: runs, reports, counts. None of it is a value of data. */
export const OVERSEERS: readonly ControlRole[] = ['admin', 'steward', 'engineer', 'auditor'];

/** SQL and definitions name fields, secret ones too: they are for those who know all names anyway. */
export function knowsAllNames(principal: Principal): boolean {
  return hasRole(principal, 'admin', 'engineer');
}

/** Which role may apply or delete which kind of manifest, beside admins. */
const KEEPERS: Readonly<Record<string, readonly ControlRole[]>> = {
  Purpose: ['steward'],
  Grant: ['steward'],
  Classification: ['steward'],
  Dataset: ['engineer'],
  Source: ['engineer'],
  Pipeline: ['engineer'],
  Collector: ['engineer'],
  ChangePolicy: [],
  LegalHold: ['steward'],
};

export function keepersOf(kind: string): string {
  return ['admin', ...(KEEPERS[kind] ?? [])].join(', ');
}

export function mayKeep(principal: Principal, kind: string): boolean {
  return hasRole(principal, 'admin', ...(KEEPERS[kind] ?? []));
}

/** Whether the principal may know how many rows there are: overseers, and who may see every row. */
export function mayCount({ principal, world }: RequestContext, dataset: Dataset): boolean {
  return hasRole(principal, ...OVERSEERS) || world.authorizer.decide(principal, dataset).rows === 'all';
}

/** Whether the principal may load into the dataset. */
export function mayIngest({ principal, world }: Pick<RequestContext, 'principal' | 'world'>, dataset: Dataset): boolean {
  return mayIngestInto(world.authorizer, principal, dataset);
}

/** Whether the principal may be told that rows of the dataset changed: overseers, and who has any right to it. */
export function mayWatch({ principal, world }: Pick<RequestContext, 'principal' | 'world'>, dataset: Dataset): boolean {
  return hasRole(principal, ...OVERSEERS) || RIGHTS.some((right) => world.authorizer.decide(principal, dataset, right).rows !== 'none');
}

/**
 * The dataset of a name, as far as the principal may know of it. A secret one reads as one that does not exist.
 * @throws HeadgateError NOT_FOUND
 */
export function visibleDataset({ visible }: Pick<RequestContext, 'visible'>, name: string): Dataset {
  const dataset = visible.datasets.get(name);
  if (!dataset) throw new HeadgateError('NOT_FOUND', `There is no dataset "${name}".`, { dataset: name });
  return dataset;
}

/** A name that the one who asks may know of: of their schema, or of nothing that is there. */
export function knowsOf({ visible, world }: Pick<RequestContext, 'visible' | 'world'>): Knows {
  return (dataset, field) => {
    const [shown, whole] = [visible.datasets.get(dataset), world.catalog.datasets.get(dataset)];
    if (!shown || field === undefined) return shown !== undefined || whole === undefined;
    return shown.fields.some(({ name }) => name === field) || !whole?.fields.some(({ name }) => name === field);
  };
}

/** Whether a dataset has nothing that is secret to who asks. */
export function knowsAllOf({ visible, world }: Pick<RequestContext, 'visible' | 'world'>, name: string): boolean {
  const [shown, whole] = [visible.datasets.get(name), world.catalog.datasets.get(name)];
  const links = (dataset: Dataset) => dataset.fields.reduce((sum, { rules }) => sum + rules.length, 0);
  // A reference to a secret dataset is no rule of the field for those who may not know of it.
  return shown !== undefined && whole?.fields.length === shown.fields.length && links(whole) === links(shown);
}

/** A change request as far as the one who looks may know of what it names. */
export function requestFor<Request extends Pick<ChangeRequestEntity, 'accessChanges'>>(request: Request, knows: Knows): Request {
  const accessChanges = request.accessChanges.filter(
    ({ dataset, field }) => knows(dataset) && (field === undefined || field === null || knows(dataset, field)),
  );
  return { ...request, accessChanges };
}

export function refusedTo(principal: Principal, what: string, who: string): HeadgateError {
  if (principal.anonymous)
    return new HeadgateError('UNAUTHENTICATED', `${what} is not open to requests without a credential. Send an Authorization: Bearer token or an X-Api-Key.`);
  return new HeadgateError('FORBIDDEN', `${what} is for ${who}; your roles are: ${principal.roles.join(', ') || 'none'}.`);
}
