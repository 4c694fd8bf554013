export { EFFECT_ORDER, type Mask } from './mask-kind.js';
export { maskProblem } from './mask-problem.js';
export { MaskSpec, maskDocument } from './mask-spec.js';
export { maskSql } from './mask-sql.js';
