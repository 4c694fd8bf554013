import { hasRole, isSameOne } from '../../identity/index.js';
import { isHeadgateError } from '../../kernel/index.js';
import type { RunEntity } from '../../lifecycle/index.js';
import type { RequestContext } from '../context.js';
import { OVERSEERS } from './rights.js';

/** The run of an id, for who asked for it and for overseers; to others it is as if there were none. */
export async function visibleRun({ services, principal }: Pick<RequestContext, 'services' | 'principal'>, id: string): Promise<RunEntity | null> {
  const run = await services.runs.get(id).catch((error: unknown) => {
    if (isHeadgateError(error) && error.code === 'NOT_FOUND') return null;
    throw error;
  });
  const isOwn = run !== null && isSameOne(principal, { subject: run.requestedBy, credential: run.requestedWith });
  return run && (isOwn || hasRole(principal, ...OVERSEERS)) ? run : null;
}
