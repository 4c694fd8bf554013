import type { Dataset } from '../catalog/index.js';
import { hasRole, type Principal } from '../identity/index.js';
import type { Authorizer } from './authorizer.js';

/** Whether the principal may load into the dataset. */
export function mayIngest(authorizer: Authorizer, principal: Principal, dataset: Dataset): boolean {
  return hasRole(principal, 'admin', 'engineer') || authorizer.decide(principal, dataset, 'ingest').rows !== 'none';
}
