import { HeadgateError } from '../kernel/index.js';

/** Why a credential was refused; `details.reason` of the error. */
export type RefusalReason =
  | 'malformed'
  | 'signature'
  | 'issuer'
  | 'audience'
  | 'expired'
  | 'not-yet-valid'
  | 'claims'
  | 'revoked'
  | 'unknown'
  | 'two-credentials';

/** The one way to refuse a credential. The text never holds the credential, nor a part of it. */
export function refusal(reason: RefusalReason, message: string, cause?: unknown): HeadgateError {
  return new HeadgateError('UNAUTHENTICATED', message, { reason }, { cause });
}
