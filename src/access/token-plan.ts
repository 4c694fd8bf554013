import type { Dataset, Field } from '../catalog/index.js';
import type { DatasetDecision, RefusalCode } from '../governance/index.js';
import { HeadgateError } from '../kernel/index.js';

declare const governed: unique symbol;

/** The question which values tokens of a field stand for, after governance: only `governTokens` makes one. */
export interface GovernedTokens {
  readonly [governed]: true;
  readonly field: Field;
  readonly decision: DatasetDecision;
}

/**
 * Applies the decision for the right to detokenize: cells that it does not show plain are null, and no token stands for null.
 * @param field the contract's name of a field that the dataset has
 * @throws HeadgateError FORBIDDEN, PURPOSE_REQUIRED or UNAUTHENTICATED with `dataset` and `field`
 */
export function governTokens(dataset: Dataset, field: string, decide: (dataset: Dataset) => DatasetDecision): GovernedTokens {
  const decision = decide(dataset);
  const found = decision.dataset.fields.find(({ name }) => name === field);
  const seen = decision.fields.get(field);
  if (!found || !seen || seen.access === 'forbidden' || decision.rows === 'none') {
    const code = seen?.access === 'forbidden' ? seen.code : decision.refusal;
    throw new HeadgateError(code, refusalText(code, `${dataset.name}.${field}`), { dataset: dataset.name, field });
  }
  if (found.encrypted) throw new HeadgateError('BAD_USER_INPUT', `${dataset.name}.${field} is encrypted, and has no tokens.`, { dataset: dataset.name, field });
  return { field: found, decision } as unknown as GovernedTokens;
}

function refusalText(code: RefusalCode, what: string): string {
  if (code === 'UNAUTHENTICATED')
    return `Tokens of ${what} are not resolved for requests without a credential. Send an Authorization: Bearer token or an X-Api-Key.`;
  if (code === 'PURPOSE_REQUIRED') return `Tokens of ${what} are resolved for a purpose only. Declare one of your token's purposes in the X-Purpose header.`;
  return `You may not learn what tokens of ${what} stand for. A steward can grant it: with the right detokenize, and the field shown plain or as a token.`;
}
