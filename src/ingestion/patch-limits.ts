import type { Dataset } from '../catalog/index.js';
import { decidingFields, type Authorizer } from '../governance/index.js';
import type { Principal } from '../identity/index.js';
import { HeadgateError } from '../kernel/index.js';

/**
 * Refuses a patch by which somebody would make refused rows, which are hidden from them, their own to read. Who reads nothing of the
 * dataset, or all of it, may patch what they like.
 * @throws HeadgateError FORBIDDEN with `field`
 */
export function checkPatch(authorizer: Authorizer, principal: Principal, dataset: Dataset, patched: readonly string[]): void {
  if (patched.length === 0) return;
  const deciding = decidingFields(authorizer, principal, dataset);
  const field = patched.find((name) => deciding.has(name));
  if (field === undefined) return;
  throw new HeadgateError(
    'FORBIDDEN',
    `patch: what you see of rows of "${dataset.name}" depends on "${field}", so that a patch of it could make rows yours to read that are not. Leave it out, or have the rows mended by somebody who sees all of the dataset, or none of it.`,
    { dataset: dataset.name, field, path: 'patch' },
  );
}
