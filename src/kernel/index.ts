export { canonicalJson } from './canonical-json.js';
export { ERROR_CODES, type ErrorCode } from './error-codes.js';
export { HeadgateError, isHeadgateError, messageOf, type ErrorDetails } from './errors.js';
export { newId, isUuid } from './ids.js';
export { createLog, silentLog, type Log } from './log.js';
export { camelCase, pascalCase } from './names.js';
export { sha256, fingerprint } from './digest.js';
export { LruMap } from './lru-map.js';
export { Closing } from './closing.js';
