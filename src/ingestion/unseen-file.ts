import { hasRole } from '../identity/index.js';
import { HeadgateError } from '../kernel/index.js';
import type { LoadRequest } from './load-request.js';

type Asked = Pick<LoadRequest, 'source' | 'actor' | 'dataset'>;

/**
 * Whether the content is none that its sender has: a file of the server, or what is at a URL. Who may load it need not be one who may
 * know what is in it; engineers and admins, who keep datasets, may know the names.
 */
function isUnseen({ source, actor }: Asked): boolean {
  return ('file' in source || 'url' in source) && !(actor && hasRole(actor, 'admin', 'engineer'));
}

/** Errors of the content without names that stand in it; all others as they are. */
export function withoutNames(error: unknown, asked: Asked): unknown {
  if (!(error instanceof HeadgateError) || error.code !== 'DATA_REJECTED' || !isUnseen(asked)) return error;
  const { dataset } = asked;
  const { extra, duplicate, field, ...rest } = error.details;
  const isOwn = dataset.fields.some(({ name }) => name === field);
  const tells = [extra, duplicate].some((names) => Array.isArray(names) && names.length > 0) || (field !== undefined && !isOwn);
  if (!tells) return error;
  const { missing } = rest;
  const lacks = Array.isArray(missing) && missing.length > 0 ? ` (missing: ${missing.join(', ')})` : '';
  return new HeadgateError(
    'DATA_REJECTED',
    `The columns are not those of "${dataset.name}"${lacks}. What stands there instead is told to engineers and admins: the file is not one that you have sent. Ask whoever keeps it.`,
    { ...rest, ...(isOwn && { field }) },
    { cause: error.cause },
  );
}
