import type { DocumentGate } from '../graphql/index.js';
import type { Principal } from '../identity/index.js';
import { isHeadgateError } from '../kernel/index.js';
import type { Door } from './authenticate.js';

/** The parameters of a request with the text of the trusted document that they name. A refusal is on the record before it is told. @throws HeadgateError FORBIDDEN */
export async function trusted(
  documents: DocumentGate,
  { audit, principal }: Pick<Door, 'audit'> & { readonly principal: Principal },
  parameters: unknown,
): Promise<ReturnType<DocumentGate['admit']>> {
  try {
    return documents.admit(parameters);
  } catch (error) {
    if (isHeadgateError(error) && error.code === 'FORBIDDEN') {
      const { operationHash } = error.details;
      await audit.record({
        actor: principal,
        action: 'document',
        decision: 'DENIED',
        ...(typeof operationHash === 'string' && { operationHash }),
        details: { code: error.code },
      });
    }
    throw error;
  }
}
