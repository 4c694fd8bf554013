export { isBare, sqlMaskExpression, type MaskedRow } from './mask-expression.js';
export { TOKEN, token as tokenSql } from './mask-hash.js';
export { EFFECT_ORDER, type Mask, type SqlMask } from './mask-kind.js';
export { maskProblem } from './mask-problem.js';
export { MaskSpec, maskDocument } from './mask-spec.js';
export { HIDDEN as REDACTED_TEXT, maskSql } from './mask-sql.js';
