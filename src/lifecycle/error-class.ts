import type { ErrorCode } from '../kernel/index.js';
import type { RunError } from './run-error.js';

/**
 * Whether what a try failed of may have passed by the next: `LATER` it may, `NEVER` the same would come of it again, and of
 * `CONTRACT` only where the contract changed while the rows were on their way.
 */
export const ERROR_CLASSES: Readonly<Record<ErrorCode, 'LATER' | 'NEVER' | 'CONTRACT'>> = {
  UNAVAILABLE: 'LATER',
  TIMEOUT: 'LATER',
  RATE_LIMITED: 'LATER',
  CONFLICT: 'CONTRACT',
  UNAUTHENTICATED: 'NEVER',
  FORBIDDEN: 'NEVER',
  PURPOSE_REQUIRED: 'NEVER',
  BAD_USER_INPUT: 'NEVER',
  GRAPHQL_VALIDATION_FAILED: 'NEVER',
  NOT_FOUND: 'NEVER',
  QUERY_TOO_COMPLEX: 'NEVER',
  DATA_REJECTED: 'NEVER',
  CONTRACT_VIOLATION: 'NEVER',
  // A mistake of ours is made again, and each time it is in the log anew.
  INTERNAL_SERVER_ERROR: 'NEVER',
};

/** Whether the same work may succeed later. Details of `mayPass: false` say that it won't: it has used up the time that it is given. */
export function mayPass({ code, details }: RunError): boolean {
  if (details['mayPass'] === false) return false;
  const found = ERROR_CLASSES[code];
  return found === 'LATER' || (found === 'CONTRACT' && details['contractChanged'] === true);
}
